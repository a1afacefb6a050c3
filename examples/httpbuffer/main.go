// Command httpbuffer is an HTTP server of a buffer that grows: each request gets what is there
// in place, then what comes, until the end. Beside a stream are a slice, which append
// copies when it grows, and chunks of 64 KiB, which it does not, but which are never one
// piece: no request of a range across two, no slice of all.
//
//	go run ./examples/httpbuffer [-size MIB] [-followers N] [-debug ADDRESS]
//
// With -debug localhost:6060 what growarena does is served there, until the program is interrupted:
//
//	curl 'localhost:6060/debug/growarena/?format=prometheus'
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"

	"github.com/growarena/growarena/debug"
	"github.com/growarena/growarena/examples/internal/figures"
	"github.com/growarena/growarena/examples/internal/heapfeed"
	"github.com/growarena/growarena/stream"
)

// feed is what is compared: a handler of what is appended to it.
type feed interface {
	http.Handler
	Append(p []byte) error
	End() // Nothing is appended any more.
}

type streamFeed struct{ s *stream.Stream }

func (f streamFeed) Append(p []byte) error { _, err := f.s.Append(p); return err }
func (f streamFeed) End()                  { f.s.CloseWrite() }

// ServeHTTP answers with what there is and what comes. For what there is alone, also by ranges,
// it would be http.ServeContent(w, r, "feed", time.Time{}, f.s.NewReader(0)).
func (f streamFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// An error is the client's, who has gone: there is nobody to tell.
	_, _ = io.Copy(w, f.s.Follow(r.Context(), 0))
}

const block = 64 << 10 // of an append

// stamp makes the block at off different from all others.
func stamp(b []byte, off int) {
	binary.LittleEndian.PutUint64(b, uint64(off))
	binary.LittleEndian.PutUint64(b[len(b)-8:], ^uint64(off))
}

// serve appends size bytes to a feed, which clients follow from the beginning to the end.
func serve(f feed, size, clients int) error {
	server := httptest.NewServer(f)
	defer server.Close()
	return figures.Together(1+clients, func(i int) error {
		b := bytes.Repeat([]byte("growing "), block/8)
		if i == 0 {
			defer f.End()
			for off := 0; off < size; off += block {
				stamp(b, off)
				if err := f.Append(b); err != nil {
					return err
				}
			}
			return nil
		}
		resp, err := server.Client().Get(server.URL)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got := make([]byte, block)
		for off := 0; off < size; off += block {
			stamp(b, off)
			if _, err := io.ReadFull(resp.Body, got); err != nil || !bytes.Equal(got, b) {
				return fmt.Errorf("client %d: the block at %d is another one: %v", i, off, err)
			}
		}
		if n, err := resp.Body.Read(got); n != 0 || err != io.EOF {
			return fmt.Errorf("client %d: behind the end are %d bytes, %v", i, n, err)
		}
		return nil
	})
}

// run compares the feeds, and calls end before the stream goes, if it is not nil.
func run(w io.Writer, size, clients int, end func()) error {
	s, err := stream.New(stream.Options{Name: "feed"})
	if err != nil {
		return err
	}
	var rows []figures.Row
	type named struct {
		name string
		feed
	}
	for _, c := range []named{
		{"stream", streamFeed{s}},
		{"slice, RWMutex", heapfeed.NewSlice()},
		{"chunks, RWMutex", heapfeed.NewChunks(block)},
	} {
		took, memory, err := figures.Measure(func() error { return serve(c.feed, size, clients) })
		if c.name == "stream" && end == nil {
			err = errors.Join(err, s.Close())
		}
		if err != nil {
			return err
		}
		rows = append(rows, figures.Row{c.name, figures.Time(took), figures.MiB(memory)})
	}
	fmt.Fprintf(w, "%s to %d followers:\n", figures.MiB(int64(size)), clients)
	err = figures.Print(w, "buffer, all have all, most memory", rows...)
	if end != nil {
		end()
		err = errors.Join(err, s.Close())
	}
	return err
}

// serveDebug serves what growarena does at an address, until stop is called.
func serveDebug(address string) (at string, stop func() error, err error) {
	mux := http.NewServeMux()
	mux.Handle("/debug/growarena/", debug.Handler())
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: mux}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return l.Addr().String(), func() error {
		err := server.Shutdown(context.Background())
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

func main() {
	size := flag.Int("size", 64, "size of the buffer in MiB")
	clients := flag.Int("followers", 8, "number of clients")
	address := flag.String("debug", "", "serve what growarena does at this address, until interrupted")
	flag.Parse()
	var end func()
	if *address != "" {
		at, stop, err := serveDebug(*address)
		if err != nil {
			log.Fatal(err)
		}
		end = func() {
			fmt.Printf("see http://%s/debug/growarena/\n", at)
			interrupted := make(chan os.Signal, 1)
			signal.Notify(interrupted, os.Interrupt)
			<-interrupted
			if err := stop(); err != nil {
				log.Print(err)
			}
		}
	}
	if err := run(os.Stdout, *size<<20, *clients, end); err != nil {
		log.Fatal(err)
	}
}
