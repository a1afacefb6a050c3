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

// Columns of a group have the same rows for whoever reads, and each is a slice.
func ExampleGroup() {
	var trades struct {
		Price stream.Column[float64]
		Size  stream.Column[int32]
	}
	g, err := stream.NewGroup(stream.Options{Name: "trades"}, &trades.Price, &trades.Size)
	if err != nil {
		panic(err)
	}
	defer g.Close()

	for i := range 4 {
		r, err := g.Begin(1)
		if err != nil {
			panic(err)
		}
		trades.Price.In(r)[0] = 10 + float64(i)/2
		trades.Size.In(r)[0] = int32(100 * i)
		r.Publish() // In both.
	}
	if err := g.DropFront(1); err != nil {
		panic(err)
	}

	now, err := g.Pin()
	if err != nil {
		panic(err)
	}
	defer now.Unpin()
	fmt.Println(trades.Price.View(&now), trades.Size.View(&now))
	for row, size := range trades.Size.All(&now) {
		fmt.Print(row, ": ", size, "; ")
	}
	// Output:
	// [10.5 11 11.5] [100 200 300]
	// 1: 100; 2: 200; 3: 300;
}

// Who follows a group gets what is new, in turns, and may be behind: what was dropped meanwhile he
// does not see.
func ExampleGroup_Follow() {
	prices, err := stream.NewColumn[float64](stream.Options{})
	if err != nil {
		panic(err)
	}
	defer prices.Close()
	for i := range 10 {
		if _, err := prices.Append(float64(i)); err != nil {
			panic(err)
		}
	}
	if err := prices.KeepLast(3); err != nil {
		panic(err)
	}
	prices.CloseWrite()
	for now, err := range prices.Follow(context.Background(), 2) {
		if err != nil {
			panic(err)
		}
		fmt.Println(now.Front(), prices.View(now))
	}
	// Output:
	// 7 [7 8 9]
}

// A column alone is appended to as to a slice.
func ExampleColumn_Append() {
	c, err := stream.NewColumn[float32](stream.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	row, err := c.Append(1.5, 2.5)
	if err != nil {
		panic(err)
	}
	g, err := c.Pin()
	if err != nil {
		panic(err)
	}
	defer g.Unpin()
	fmt.Println(row, c.View(&g))
	// Output:
	// 0 [1.5 2.5]
}
