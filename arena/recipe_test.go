//go:build linux && !portable

package arena_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/arena"
)

// A log file: the arena's memory is the file, so appending is a copy into memory, the
// kernel writes it to the disk, and any number of goroutines read what is there. Sync
// makes sure that it is on the disk; Free cuts the file to its length.
func Example_logFile() {
	dir := must(os.MkdirTemp("", "log"))
	defer os.RemoveAll(dir)
	file := must(os.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600))
	defer file.Close()

	a := must(arena.NewArena(arena.Options{Name: "log", File: file, Retire: true}))
	var written atomic.Int64 // Readers stop here: Len rises before a line is copied.
	appendLine := func(line string) error {
		b, err := a.Alloc(len(line)) // An error says that the disk is full, or what is wrong.
		if err != nil {
			return err
		}
		copy(b, line)
		written.Store(int64(a.Len()))
		return nil
	}
	for i := range 3 {
		if err := appendLine(fmt.Sprintf("event %d\n", i)); err != nil {
			fmt.Println(err)
			return
		}
	}

	// A reader, on any goroutine.
	n := written.Load()
	err := a.Read(func(b []byte) error {
		fmt.Printf("%s", b[:n])
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println(file.Sync(), a.Free())
	fmt.Println(must(file.Stat()).Size())
	// Output:
	// event 0
	// event 1
	// event 2
	// <nil> <nil>
	// 24
}

// An HTTP server of a buffer that grows: each request gets what was written when it came,
// by ranges too, and never waits for the writer. A Buffer publishes what is written only
// when it is there, so no request sees zeros.
func Example_httpServer() {
	a := must(arena.NewArena(arena.Options{Name: "feed", Retire: true}))
	feed := arena.NewBufferIn(a)
	defer feed.Free()
	must(feed.ReadAt(nil, 0)) // From here on no write moves bytes that have been read.

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "feed.txt", time.Time{}, a.NewReader())
	}))
	defer server.Close()
	get := func(from int) string {
		r := must(http.NewRequest("GET", server.URL, nil))
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		resp := must(server.Client().Do(r))
		defer resp.Body.Close()
		return fmt.Sprintf("%s %s", resp.Status, must(io.ReadAll(bufio.NewReader(resp.Body))))
	}

	fmt.Fprint(feed, "first line\n")
	fmt.Print(get(0))
	fmt.Fprint(feed, "second line\n") // More of it, while others may be reading.
	fmt.Print(get(11))
	// Output:
	// 206 Partial Content first line
	// 206 Partial Content second line
}

// A ring buffer: an Alias shows the same bytes twice in a row, so that what begins
// before the end and goes on at the start is one slice.
func Example_ringBuffer() {
	size := 16 * os.Getpagesize()
	a := must(arena.NewArena(arena.Options{Name: "ring", Limit: size}))
	defer a.Free()
	must(a.Alloc(size))
	twice := must(a.Alias(arena.AliasOptions{Len: size, Repeat: 2}))
	defer twice.Release()
	ring := twice.Bytes()

	var head, tail int // Written and read so far; one goroutine here.
	put := func(p string) bool {
		if head+len(p)-tail > size {
			return false // Full.
		}
		copy(ring[head%size:][:len(p)], p) // Also across the end: no second copy.
		head += len(p)
		return true
	}
	take := func(n int) []byte {
		b := ring[tail%size:][:n]
		tail += n
		return b
	}

	head, tail = size-3, size-3 // Almost at the end.
	fmt.Println(put("hello"), string(take(5)))
	fmt.Println(string(ring[:2]), "is at the start")
	// Output:
	// true hello
	// lo is at the start
}
