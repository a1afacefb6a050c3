package stream_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/growarena/growarena/stream"
)

// One appends, others read what is complete, in place.
func Example() {
	s, err := stream.New(stream.Options{Limit: 64 << 20})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	off, err := s.Append([]byte("a record, "))
	if err != nil {
		panic(err)
	}
	_, err = s.AppendFunc(7, func(p []byte) error { // In place.
		copy(p, "another")
		return nil
	})
	if err != nil {
		panic(err)
	}

	g, err := s.Pin()
	if err != nil {
		panic(err)
	}
	defer g.Unpin()
	b, err := g.Bytes(off, 8)
	fmt.Printf("%q %v; all: %q\n", b, err, g.All())
	// Output:
	// "a record" <nil>; all: "a record, another"
}

// What is before an offset is dropped: its memory goes when no guard sees it any more.
func ExampleStream_DropFront() {
	s, err := stream.New(stream.Options{Limit: 16})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	for i := range 1000 {
		off, err := s.Append([]byte("12345678"))
		if err != nil {
			panic(err)
		}
		if err := s.DropFront(off); err != nil {
			panic(err)
		}
		if i == 999 {
			fmt.Println(s.Front(), s.Len())
		}
	}
	// Output:
	// 7992 8000
}

// A reader that follows ends when the writer says that this was all.
func ExampleStream_Follow() {
	s, err := stream.New(stream.Options{})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	go func() {
		for i := range 3 {
			_, _ = s.Append(fmt.Appendf(nil, "line %d\n", i))
		}
		s.CloseWrite()
	}()
	n, err := io.Copy(os.Stdout, s.Follow(context.Background(), 0))
	fmt.Println(n, err)
	// Output:
	// line 0
	// line 1
	// line 2
	// 21 <nil>
}
