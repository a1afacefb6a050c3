package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/growarena/growarena/examples/internal/heapfeed"
	"github.com/growarena/growarena/stream"
)

// TestFeeds: a client has what was appended before anything more comes, one that comes late has
// all of it, and both end when the feed does.
func TestFeeds(t *testing.T) {
	s, err := stream.New(stream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, f := range map[string]feed{
		"stream": streamFeed{s},
		"slice":  heapfeed.NewSlice(),
		"chunks": heapfeed.NewChunks(block),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(f)
			defer server.Close()
			get := func() io.ReadCloser {
				resp, err := http.Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				return resp.Body
			}
			p := make([]byte, block)
			add := func(off int) {
				stamp(p, off)
				if err := f.Append(p); err != nil {
					t.Fatal(err)
				}
			}
			want := func(r io.Reader, off int) {
				t.Helper()
				got := make([]byte, block)
				if _, err := io.ReadFull(r, got); err != nil {
					t.Fatal(err)
				}
				if stamp(p, off); string(got) != string(p) {
					t.Fatalf("the block at %d is another one", off)
				}
			}
			add(0)
			first := get()
			defer first.Close()
			want(first, 0)
			add(block) // While it waits.
			want(first, block)
			second := get()
			defer second.Close()
			want(second, 0)
			want(second, block)
			f.End()
			for _, r := range []io.Reader{first, second} {
				if rest, err := io.ReadAll(r); len(rest) != 0 || err != nil {
					t.Errorf("%d bytes more, %v", len(rest), err)
				}
			}
		})
	}
}

func TestRun(t *testing.T) {
	if err := run(io.Discard, 4<<20, 3, nil); err != nil {
		t.Error(err)
	}
}

// TestDebug: what is served beside shows the feed, with what it holds.
func TestDebug(t *testing.T) {
	at, stop, err := serveDebug("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	err = run(io.Discard, 4<<20, 3, func() {
		resp, err := http.Get("http://" + at + "/debug/growarena/?format=prometheus")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(text), "\ngrowarena_stream_end{kind=\"stream\",name=\"feed\"} 4.194304e+06\n") {
			t.Errorf("%v\n%s", err, text)
		}
	})
	if err := errors.Join(err, stop()); err != nil {
		t.Error(err)
	}
}
