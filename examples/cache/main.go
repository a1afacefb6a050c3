// Command cache is a cache of bytes with a limit whose entries lie outside the Go heap, beside
// one that is a map[string][]byte. An entry is one object, the key and then the value, and
// what the map holds of it is a slab.SliceRef: 16 bytes without a pointer. So the garbage
// collector has a map and a queue of numbers to know of, and neither keys nor values.
//
//	go run ./examples/cache [-limit MIB] [-n OPERATIONS]
package main

import (
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/growarena/growarena/examples/internal/figures"
	"github.com/growarena/growarena/slab"
)

// slabCache is for one goroutine at a time. What it evicts is the oldest entry that was
// not used since it was last looked at (CLOCK).
type slabCache struct {
	a     *slab.Allocator
	seed  maphash.Seed
	byKey map[uint64]entry // By hash: two keys of one hash take each other's place.
	queue []uint64         // The oldest first.
}

type entry struct {
	bytes slab.SliceRef[byte] // The key, and then the value.
	key   int                 // The key's length.
	used  bool
}

func newSlabCache(limit int) *slabCache {
	a := slab.New(slab.Options{Name: "cache", Limit: limit})
	return &slabCache{a: a, seed: maphash.MakeSeed(), byKey: map[uint64]entry{}}
}

// get returns the value of a key, which is valid until the next put, or nil.
func (c *slabCache) get(key []byte) []byte {
	hash := maphash.Bytes(c.seed, key)
	e, ok := c.byKey[hash]
	if !ok {
		return nil
	}
	b := e.bytes.In(c.a)
	if string(b[:e.key]) != string(key) {
		return nil
	}
	if !e.used {
		e.used = true
		c.byKey[hash] = e
	}
	return b[e.key:]
}

// put stores a copy of a value, and makes room for it.
func (c *slabCache) put(key, value []byte) error {
	b, err := c.a.Alloc(len(key) + len(value))
	for errors.Is(err, slab.ErrLimit) && len(c.queue) > 0 {
		c.evict()
		b, err = c.a.Alloc(len(key) + len(value))
	}
	if err != nil {
		return err
	}
	copy(b[copy(b, key):], value)
	hash := maphash.Bytes(c.seed, key)
	if old, ok := c.byKey[hash]; ok {
		c.a.Free(old.bytes.In(c.a))
	} else {
		c.queue = append(c.queue, hash)
	}
	c.byKey[hash] = entry{bytes: slab.SliceRefTo(c.a, b), key: len(key)}
	return nil
}

func (c *slabCache) evict() {
	for {
		hash := c.queue[0]
		c.queue = c.queue[1:]
		e := c.byKey[hash]
		if !e.used {
			c.a.Free(e.bytes.In(c.a))
			delete(c.byKey, hash)
			return
		}
		e.used = false
		c.byKey[hash] = e
		c.queue = append(c.queue, hash)
	}
}

// mapCache does the same on the Go heap: each key and each value is an object of its own.
type mapCache struct {
	limit, size int // Of keys and values.
	byKey       map[string]*value
	queue       []string
}

type value struct {
	bytes []byte
	used  bool
}

func (c *mapCache) get(key []byte) []byte {
	v := c.byKey[string(key)]
	if v == nil {
		return nil
	}
	v.used = true
	return v.bytes
}

func (c *mapCache) put(key, bytes []byte) error {
	k := string(key)
	if old := c.byKey[k]; old != nil {
		c.size -= len(k) + len(old.bytes)
	} else {
		c.queue = append(c.queue, k)
	}
	c.byKey[k] = &value{bytes: append([]byte(nil), bytes...)}
	for c.size += len(k) + len(bytes); c.size > c.limit && len(c.queue) > 1; {
		oldest := c.queue[0]
		c.queue = c.queue[1:]
		if v := c.byKey[oldest]; v.used || oldest == k {
			v.used = false
			c.queue = append(c.queue, oldest)
		} else {
			c.size -= len(oldest) + len(v.bytes)
			delete(c.byKey, oldest)
		}
	}
	return nil
}

// cache is what is compared.
type cache interface {
	get(key []byte) []byte
	put(key, value []byte) error
}

// measure asks for n keys, of which few are asked for often, and puts what is not there.
func measure(name string, c cache, limit, n int) (figures.Row, error) {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 10, uint64(limit/100))
	hits, key, text := 0, []byte(nil), make([]byte, 1000)
	took, memory, err := figures.Measure(func() error {
		for range n {
			i := zipf.Uint64()
			key = strconv.AppendUint(append(key[:0], "user/"...), i, 10)
			want := text[:50+i%900] // What is stored under the key begins with it.
			copy(want, key)
			if got := c.get(key); got == nil {
				if err := c.put(key, want); err != nil {
					return err
				}
			} else if string(got) != string(want) {
				return fmt.Errorf("%s: under %q is %.20q", name, key, got)
			} else {
				hits++
			}
			clear(want[:len(key)])
		}
		return nil
	})
	return figures.Row{name, figures.Time(figures.Collection(c)), figures.MiB(memory), figures.Time(took / time.Duration(n)), fmt.Sprintf("%.1f %%", 100*float64(hits)/float64(n))}, err
}

func run(w io.Writer, limit, n int) error {
	inSlab := newSlabCache(limit)
	slabs, err := measure("in a slab", inSlab, limit, n)
	if err != nil {
		return err
	}
	if err := inSlab.a.Discard(); err != nil { // With all that lives in it, at once.
		return err
	}
	maps, err := measure("map[string]*value", &mapCache{limit: limit, byKey: map[string]*value{}}, limit, n)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d requests to a cache of %s:\n", n, figures.MiB(int64(limit)))
	return figures.Print(w, "cache, garbage collection, most memory, request, found", slabs, maps)
}

func main() {
	limit := flag.Int("limit", 128, "size of the cache in MiB")
	n := flag.Int("n", 3_000_000, "number of requests")
	flag.Parse()
	if err := run(os.Stdout, *limit<<20, *n); err != nil {
		log.Fatal(err)
	}
}
