package slab_test

import (
	"fmt"
	"log"

	"github.com/growarena/growarena/slab"
)

// cell is an entry of a hash index. It lies outside the Go heap and refers to others
// by slab.Ref, so that the garbage collector has nothing to look at, however many
// there are.
type cell struct {
	key, value uint64
	next       slab.Ref[cell]
}

// index is a hash table with a chain for each bucket, for one goroutine at a time.
type index struct {
	nodes   *slab.Cache[cell]
	buckets []slab.Ref[cell] // No pointers for the collector: a Ref is a number.
}

func newIndex(a *slab.Allocator, buckets int) *index {
	return &index{nodes: slab.NewCache[cell](a), buckets: make([]slab.Ref[cell], buckets)}
}

// bucket returns where the chain of a key begins.
func (x *index) bucket(key uint64) *slab.Ref[cell] {
	return &x.buckets[key*0x9e3779b97f4a7c15>>32%uint64(len(x.buckets))]
}

func (x *index) get(key uint64) (uint64, bool) {
	a := x.nodes.Allocator()
	for n := x.bucket(key).In(a); n != nil; n = n.next.In(a) {
		if n.key == key {
			return n.value, true
		}
	}
	return 0, false
}

func (x *index) put(key, value uint64) error {
	n, err := x.nodes.Get()
	if err != nil {
		return err
	}
	first := x.bucket(key)
	*n = cell{key, value, *first}
	*first = slab.RefTo(x.nodes.Allocator(), n)
	return nil
}

// free gives all nodes back.
func (x *index) free() {
	a := x.nodes.Allocator()
	for i := range x.buckets {
		for n := x.buckets[i].In(a); n != nil; {
			next := n.next.In(a)
			x.nodes.Put(n)
			n = next
		}
		x.buckets[i] = slab.Ref[cell]{}
	}
}

// An index of many entries outside the Go heap: typed nodes, linked by Ref. A
// collection beside millions of them takes as long as beside none.
func Example_index() {
	a := slab.New(slab.Options{Name: "index"})
	x := newIndex(a, 1024)
	for key := range uint64(10_000) {
		if err := x.put(key, key*key); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(x.get(99))
	fmt.Println(x.get(10_000))
	x.free()
	fmt.Println(a.Close())
	// Output:
	// 9801 true
	// 0 false
	// <nil>
}
