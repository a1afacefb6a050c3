// Command index keeps an index of strings outside the Go heap, beside a map. It is a hash
// table with a chain for each bucket: entries link to each other by slab.Ref and to
// their keys by slab.SliceRef, which are numbers and no pointers. So the garbage collector has
// one slice of numbers to know of, however many entries there are.
//
//	go run ./examples/index [-n ENTRIES]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"hash/maphash"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/growarena/growarena/examples/internal/figures"
	"github.com/growarena/growarena/slab"
)

// place is what is found under a key: where a document lies.
type place struct {
	offset int64
	length int32
}

// node is an entry of the index. It must have no pointers: the collector does not look
// into a slab.
type node struct {
	hash  uint64
	next  slab.Ref[node]
	key   slab.SliceRef[byte]
	place place
}

// index is for one goroutine at a time, as a map is.
type index struct {
	a       *slab.Allocator
	nodes   *slab.Cache[node]
	seed    maphash.Seed
	buckets []slab.Ref[node] // A power of two of them.
	count   int
}

func newIndex() *index {
	a := slab.New(slab.Options{Name: "index"})
	return &index{a: a, nodes: slab.NewCache[node](a), seed: maphash.MakeSeed(), buckets: make([]slab.Ref[node], 1024)}
}

// bucket returns where the chain of a hash begins.
func (x *index) bucket(hash uint64) *slab.Ref[node] {
	return &x.buckets[hash&uint64(len(x.buckets)-1)]
}

// find returns the link to the node of a key: a nil one where there is none.
func (x *index) find(hash uint64, key []byte) *slab.Ref[node] {
	link := x.bucket(hash)
	for {
		n := link.In(x.a)
		if n == nil || n.hash == hash && bytes.Equal(n.key.In(x.a), key) {
			return link
		}
		link = &n.next
	}
}

func (x *index) get(key []byte) (place, bool) {
	n := x.find(maphash.Bytes(x.seed, key), key).In(x.a)
	if n == nil {
		return place{}, false
	}
	return n.place, true
}

func (x *index) put(key []byte, p place) error {
	hash := maphash.Bytes(x.seed, key)
	if n := x.find(hash, key).In(x.a); n != nil {
		n.place = p
		return nil
	}
	b, err := x.a.Alloc(len(key))
	if err != nil {
		return err
	}
	n, err := x.nodes.Get()
	if err != nil {
		x.a.Free(b)
		return err
	}
	copy(b, key)
	if x.count++; x.count > len(x.buckets) {
		x.rehash()
	}
	first := x.bucket(hash)
	*n = node{hash: hash, next: *first, key: slab.SliceRefTo(x.a, b), place: p}
	*first = slab.RefTo(x.a, n)
	return nil
}

// remove reports whether the key was there.
func (x *index) remove(key []byte) bool {
	link := x.find(maphash.Bytes(x.seed, key), key)
	n := link.In(x.a)
	if n == nil {
		return false
	}
	*link = n.next
	x.a.Free(n.key.In(x.a))
	x.nodes.Put(n)
	x.count--
	return true
}

// rehash makes twice as many buckets. The nodes stay where they are.
func (x *index) rehash() {
	old := x.buckets
	x.buckets = make([]slab.Ref[node], 2*len(old))
	for _, link := range old {
		for n := link.In(x.a); n != nil; n = link.In(x.a) {
			this := link
			link = n.next
			first := x.bucket(n.hash)
			n.next, *first = *first, this
		}
	}
}

// table is what is compared: how to put and to get.
type table struct {
	put func(key []byte, p place) error
	get func(key []byte) (place, bool)
}

// measure fills a table with n entries, looks all of them up, and collects garbage beside them.
func measure(name string, n int, t table) (figures.Row, error) {
	var b []byte
	key := func(i int) []byte {
		b = strconv.AppendInt(append(b[:0], "/documents/"...), int64(i), 10)
		return b
	}
	var fill, look, collect time.Duration
	_, memory, err := figures.Measure(func() error {
		start := time.Now()
		for i := range n {
			if err := t.put(key(i), place{int64(i) * 100, int32(i)}); err != nil {
				return err
			}
		}
		fill = time.Since(start)
		start = time.Now()
		for k := range n {
			i := k * 7919 % n // In another order.
			if p, ok := t.get(key(i)); !ok || p != (place{int64(i) * 100, int32(i)}) {
				return fmt.Errorf("%s: under %q is %v, %v", name, key(i), p, ok)
			}
		}
		look = time.Since(start)
		collect = figures.Collection(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	each := func(d time.Duration) string { return figures.Time(d / time.Duration(n)) }
	return figures.Row{name, figures.Time(collect), figures.MiB(memory), each(fill), each(look)}, nil
}

func run(w io.Writer, n int) error {
	x := newIndex()
	slabs, err := measure("in a slab", n, table{x.put, x.get})
	if err != nil {
		return err
	}
	if err := x.a.Discard(); err != nil { // With all that lives in it, at once.
		return err
	}
	m := make(map[string]place)
	maps, err := measure("map[string]place", n, table{
		func(key []byte, p place) error { m[string(key)] = p; return nil },
		func(key []byte) (place, bool) { p, ok := m[string(key)]; return p, ok },
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d entries:\n", n)
	return figures.Print(w, "index, garbage collection, most memory, put, get", slabs, maps)
}

func main() {
	n := flag.Int("n", 1_000_000, "number of entries")
	flag.Parse()
	if err := run(os.Stdout, *n); err != nil {
		log.Fatal(err)
	}
}
