package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

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
		"slice":  &sliceFeed{growing: growing{more: make(chan struct{})}},
		"chunks": &chunkFeed{growing: growing{more: make(chan struct{})}},
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
				if err := f.append(p); err != nil {
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
			f.end()
			for _, r := range []io.Reader{first, second} {
				if rest, err := io.ReadAll(r); len(rest) != 0 || err != nil {
					t.Errorf("%d bytes more, %v", len(rest), err)
				}
			}
		})
	}
}

func TestRun(t *testing.T) {
	if err := run(io.Discard, 4<<20, 3); err != nil {
		t.Error(err)
	}
}
