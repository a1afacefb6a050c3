package slab_test

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log"
	"runtime"

	"github.com/growarena/growarena/slab"
)

// blobCache is a cache of bytes by string, for one goroutine at a time, that holds as much
// as its allocator's limit allows. Keys and values lie outside the Go heap, side by side in one object,
// so what the garbage collector looks at is a map and a queue without pointers.
type blobCache struct {
	a     *slab.Allocator
	seed  maphash.Seed
	byKey map[uint64]blob
	queue []uint64 // hashes, the oldest first
}

// blob is an entry: the key and then the value. Two keys of one hash take each other's place.
type blob struct {
	bytes slab.SliceRef[byte]
	key   int  // length of the key
	used  bool // since it was last passed over
}

func newBlobCache(limit int) *blobCache {
	return &blobCache{
		a:    slab.New(slab.Options{Name: "cache", Limit: limit}),
		seed: maphash.MakeSeed(), byKey: make(map[uint64]blob),
	}
}

// get returns the value of a key, which is valid until the next put, or nil.
func (c *blobCache) get(key string) []byte {
	h := maphash.String(c.seed, key)
	e, ok := c.byKey[h]
	if !ok {
		return nil
	}
	b := e.bytes.In(c.a)
	if string(b[:e.key]) != key {
		return nil
	}
	if !e.used {
		e.used = true
		c.byKey[h] = e
	}
	return b[e.key:]
}

// put stores a value, and makes room for it by what has not been used for longest, nearly.
func (c *blobCache) put(key string, value []byte) error {
	h := maphash.String(c.seed, key)
	b, err := c.a.Alloc(len(key) + len(value))
	for errors.Is(err, slab.ErrLimit) && len(c.queue) > 0 {
		c.evict()
		b, err = c.a.Alloc(len(key) + len(value))
	}
	if err != nil {
		return err
	}
	copy(b[copy(b, key):], value)
	if old, ok := c.byKey[h]; ok {
		c.a.Free(old.bytes.In(c.a))
	} else {
		c.queue = append(c.queue, h)
	}
	c.byKey[h] = blob{bytes: slab.SliceRefTo(c.a, b), key: len(key)}
	return nil
}

// evict frees the oldest entry that was not used since it was last looked at (CLOCK).
func (c *blobCache) evict() {
	for {
		h := c.queue[0]
		c.queue = c.queue[1:]
		e := c.byKey[h]
		if !e.used {
			c.a.Free(e.bytes.In(c.a))
			delete(c.byKey, h)
			return
		}
		e.used = false
		c.byKey[h] = e
		c.queue = append(c.queue, h)
	}
}

// clear empties the cache at once.
func (c *blobCache) clear() {
	c.a.FreeAll()
	clear(c.byKey)
	c.queue = c.queue[:0]
}

// A cache with eviction whose entries the garbage collector does not look at, beside a map of
// strings and bytes, in which each key and each value is an object of the Go heap.
func Example_cache() {
	const entries = 100_000
	c := newBlobCache(8 << 20)
	plain := make(map[string][]byte)
	value := make([]byte, 200)
	objects := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	begin := objects()
	for i := range entries {
		if err := c.put(fmt.Sprint("key ", i), value); err != nil {
			log.Fatal(err)
		}
		c.get("key 0") // So it stays.
	}
	cached := objects()
	for i := range entries {
		plain[fmt.Sprint("key ", i)] = append([]byte(nil), value...)
	}
	fmt.Println("objects of the Go heap per 100 entries:", (cached-begin)*100/entries, "and", (objects()-cached)*100/entries)
	fmt.Println("within the limit:", c.a.Stats().Charged <= 8<<20, "and it holds:", len(c.byKey) > 30_000)
	fmt.Println(len(c.get("key 0")), len(c.get("key 1")), len(c.get("key 99999")), len(plain["key 1"]))
	c.clear()
	fmt.Println(c.get("key 0") == nil, c.a.Close())
	runtime.KeepAlive(plain)
	// Output:
	// objects of the Go heap per 100 entries: 0 and 200
	// within the limit: true and it holds: true
	// 200 0 200 200
	// true <nil>
}
