package slab_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

func Example() {
	a := slab.New(slab.Options{})
	b, err := a.Alloc(100)
	if err != nil {
		log.Fatal(err)
	}
	copy(b, "outside of the Go heap")
	// A buffer that grows beyond 1 MiB is never copied again.
	for n := 1 << 10; n <= 1<<30; n *= 2 {
		if b, err = a.Realloc(b, n); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%d MiB: %s\n", len(b)>>20, b[:22])
	a.Free(b)
	fmt.Println(a.Close())
	// Output:
	// 1024 MiB: outside of the Go heap
	// <nil>
}

func ExampleOptions_limit() {
	a := slab.New(slab.Options{Name: "cache", Limit: 1 << 20})
	defer a.Close()
	_, err := a.Alloc(2 << 20)
	fmt.Println(errors.Is(err, slab.ErrLimit))
	fmt.Println(err)
	// Output:
	// true
	// slab: allocate 2097152 bytes from "cache": allocator's limit reached: 0 of 1048576 bytes are in use
}

func ExampleOptions_debug() {
	a := slab.New(slab.Options{Name: "leaky", Debug: true})
	if _, err := a.Alloc(100); err != nil {
		log.Fatal(err)
	}
	err := a.Close()
	// The lines that follow are the stack of who called Alloc.
	first, _, _ := strings.Cut(err.Error(), "\n\t")
	fmt.Println(first)
	// Output:
	// slab: close "leaky": 1 objects of 112 bytes are in use
	// 1 objects of 100 bytes, allocated by
}

func ExampleOptions_profile() {
	a := slab.New(slab.Options{Profile: 64 << 10})
	defer a.Close()
	b, err := a.Alloc(1 << 20)
	if err != nil {
		log.Fatal(err)
	}
	defer a.Free(b)
	file, err := os.CreateTemp("", "inuse")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	// Then: go tool pprof inuse…
	if err := slab.WriteProfile(file); err != nil {
		log.Fatal(err)
	}
}

func ExampleAllocator_Stats() {
	a := slab.New(slab.Options{})
	defer a.Close()
	for range 3 {
		if _, err := a.Alloc(100); err != nil {
			log.Fatal(err)
		}
	}
	s := a.Stats()
	fmt.Println(s.Objects, "objects,", s.Live, "bytes")
	for _, c := range s.Classes {
		fmt.Printf("%d of %d bytes in %d span, %d bytes of it are free\n", c.Objects, c.Size, c.Spans, c.Free)
	}
	// Output:
	// 3 objects, 312 bytes
	// 3 of 104 bytes in 1 span, 7880 bytes of it are free
}

// A program that serves expvar shows an allocator by publishing its Stats.
func ExampleAllocator_Stats_expvar() {
	a := slab.New(slab.Options{})
	expvar.Publish("slab", expvar.Func(func() any { return a.Stats() }))
	fmt.Println(expvar.Get("slab").String()[:22])
	// Output:
	// {"Live":0,"Objects":0,
}

func ExampleAllocator_Retire() {
	d := epoch.NewDomain(epoch.Options{})
	a := slab.New(slab.Options{Domain: d})
	b, err := a.Alloc(100)
	if err != nil {
		log.Fatal(err)
	}
	g, err := d.Pin() // A reader.
	if err != nil {
		log.Fatal(err)
	}
	if err := a.Retire(b); err != nil { // The writer has unlinked b.
		log.Fatal(err)
	}
	fmt.Println("objects while the reader is there:", a.Stats().Objects)
	g.Unpin()
	if err := d.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Close())
	// Output:
	// objects while the reader is there: 1
	// <nil>
}

// A goroutine that allocates much has a handle of its own.
func ExampleLocal() {
	a := slab.New(slab.Options{})
	l := a.NewLocal()
	for range 1_000_000 {
		b, err := l.Alloc(100)
		if err != nil {
			log.Fatal(err)
		}
		l.Free(b) // Or a.Free, from whatever goroutine.
	}
	l.Close()
	fmt.Println(a.Close())
	// Output: <nil>
}

func ExampleCache() {
	type point struct{ x, y float64 }
	a := slab.New(slab.Options{})
	points := slab.NewCache[point](a)
	p, err := points.Get()
	if err != nil {
		log.Fatal(err)
	}
	p.x, p.y = 3, 4
	fmt.Println(*p)
	points.Put(p)
	fmt.Println(a.Close())
	// Output:
	// {3 4}
	// <nil>
}

func ExampleMakeSlice() {
	a := slab.New(slab.Options{})
	s, err := slab.MakeSlice[int32](a, 3)
	if err != nil {
		log.Fatal(err)
	}
	s = append(s, 7) // There is room for one more.
	if s, err = slab.GrowSlice(a, s, 6); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s)
	slab.FreeSlice(a, s)
	fmt.Println(a.Close())
	// Output:
	// [0 0 0 7 0 0]
	// <nil>
}

// A list whose links the garbage collector does not follow.
func ExampleRef() {
	type item struct {
		value int
		next  slab.Ref[item]
	}
	a := slab.New(slab.Options{})
	var list slab.Ref[item]
	for i := range 3 {
		it, err := slab.NewOf[item](a)
		if err != nil {
			log.Fatal(err)
		}
		*it = item{i, list}
		list = slab.RefTo(a, it)
	}
	for it := list.In(a); it != nil; {
		fmt.Println(it.value)
		next := it.next.In(a)
		slab.Delete(a, it)
		it = next
	}
	fmt.Println(a.Close())
	// Output:
	// 2
	// 1
	// 0
	// <nil>
}

// The methods of arrow-go's memory.Allocator: zeroed, and aligned to 64 bytes.
func ExampleArrow() {
	a := slab.New(slab.Options{Name: "columns"})
	mem := slab.NewArrow(a, slab.ArrowOptions{})
	b := mem.Allocate(100)
	b = mem.Reallocate(4<<20, b)
	fmt.Println(len(b), b[0], b[len(b)-1])
	mem.Free(b)
	fmt.Println(a.Close())
	// Output:
	// 4194304 0 0
	// <nil>
}

// Buffers for direct I/O begin at a page; memory comes zeroed only if asked for.
func ExampleAllocator_AllocAligned() {
	a := slab.New(slab.Options{})
	block, err := a.AllocAligned(10_000, 4096)
	if err != nil {
		log.Fatal(err)
	}
	header, err := a.AllocZero(64)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(block), cap(block) >= 10_000, header[63])
	a.Free(block)
	a.Free(header)
	fmt.Println(a.Trim(), a.Close())
	// Output:
	// 10000 true 0
	// <nil> <nil>
}
