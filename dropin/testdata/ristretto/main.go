// Program main uses ristretto with its memory from a slab: see TestRistretto, which
// compiles it with a copy of the library that has z/calloc_slab.go.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/dgraph-io/ristretto/v2/z"
)

func main() {
	log.SetFlags(0)
	empty("at the start")
	buffer()
	allocator()
	cache()
	counts()
	misuse()
	z.StatsPrint()
	empty("at the end")
}

// empty checks that nothing is in use.
func empty(when string) {
	var m z.MemStats
	z.ReadMemStats(&m)
	if n, leaks := z.NumAllocBytes(), z.Leaks(); n != 0 || leaks != "NO leaks found." || m.Allocated != 0 {
		log.Fatalf("%s %d bytes are in use, by the allocator's count %d: %s", when, n, m.Allocated, leaks)
	}
}

// buffer grows a z.Buffer and sorts it, which takes a second one.
func buffer() {
	b := z.NewBuffer(64, "buffer")
	for i := range 20_000 {
		b.WriteSlice(bytes.Repeat([]byte{byte(i)}, 1+i%300))
	}
	if n := int(z.NumAllocBytes()); n < b.LenNoPadding() {
		log.Fatalf("a buffer of %d bytes, %d allocated", b.LenNoPadding(), n)
	}
	b.SortSlice(func(x, y []byte) bool { return bytes.Compare(x, y) < 0 })
	count, before := 0, []byte(nil)
	err := b.SliceIterate(func(s []byte) error {
		if bytes.Compare(before, s) > 0 || s[0] != s[len(s)-1] {
			return fmt.Errorf("after %d of %v comes %d of %v", len(before), before[:1], len(s), s[:1])
		}
		count, before = count+1, s
		return nil
	})
	if err != nil || count != 20_000 {
		log.Fatalf("%d slices, %v", count, err)
	}
	if err := b.Release(); err != nil {
		log.Fatal(err)
	}
	empty("after a buffer")
}

// allocator takes more and more from a z.Allocator, and copies of strings.
func allocator() {
	a := z.NewAllocator(1024, "allocator")
	var held [][]byte
	for i := range 5000 {
		held = append(held, a.Copy(bytes.Repeat([]byte{byte(i)}, i%2000)))
	}
	for i, s := range held {
		if len(s) != i%2000 || bytes.Count(s, []byte{byte(i)}) != len(s) {
			log.Fatalf("copy %d is another", i)
		}
	}
	a.Release()
	empty("after an allocator")
}

// cache has values whose memory goes back when they are evicted.
func cache() {
	c, err := ristretto.NewCache(&ristretto.Config[int, []byte]{
		NumCounters: 1000, MaxCost: 64 << 10, BufferItems: 64,
		OnExit: func(b []byte) { z.Free(b) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 2000 {
		b := z.Calloc(256, "cache")
		if len(bytes.Trim(b, "\x00")) != 0 {
			log.Fatal("Calloc gives what is not zero")
		}
		b[0], b[255] = 1, 1
		if !c.Set(i, b, 256) {
			z.Free(b)
		}
	}
	c.Wait()
	c.Close()
	empty("after a cache")
}

// counts compares what the functions say, while several goroutines allocate.
func counts() {
	var all [][]byte
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				b := z.Calloc(1+i*50, "many")
				mu.Lock()
				all = append(all, b)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	const want = 4 * (500 + 50*500*499/2)
	one := z.CallocNoRef(100, "one")
	if n := z.NumAllocBytes(); n != want+100 {
		log.Fatalf("NumAllocBytes is %d, want %d", n, want+100)
	}
	if s := z.Leaks(); !strings.Contains(s, "100 bytes at file: one\n") || !strings.Contains(s, fmt.Sprint(want, " bytes at file: many\n")) {
		log.Fatalf("Leaks: %s", s)
	}
	var m z.MemStats
	z.ReadMemStats(&m)
	if m.Allocated < want || m.Active < m.Allocated || m.Resident < m.Active {
		log.Fatalf("ReadMemStats: %+v", m)
	}
	z.ReadMemStats(nil)
	for _, b := range append(all, one, z.Calloc(0, "none"), nil) {
		z.Free(b[:0])
	}
	empty("after many")
}

// misuse frees what was freed.
func misuse() {
	b := z.Calloc(5000, "twice")
	z.Free(b)
	defer func() {
		if err := recover(); err == nil {
			fmt.Fprintln(os.Stderr, "freeing twice is not noticed")
			os.Exit(1)
		}
	}()
	z.Free(b)
}
