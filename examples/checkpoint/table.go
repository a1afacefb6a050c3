package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/growarena/growarena/arena"
)

// The writer writes to all cells of a block turns times, and goes on to another one.
const (
	block   = 1 << 17 // cells: 1 MiB
	turns   = 100
	batch   = 64 // writes, between which the writer can be stopped
	scatter = 0x9e3779b1
)

// table is what is written and copied.
type table struct {
	arena   *arena.Arena
	cells   []uint64
	mu      sync.Mutex    // The writer holds it for each batch.
	n       uint64        // how many writes there were. Protected by mu.
	longest time.Duration // for a batch of them
	copy    []byte        // of copyAll
}

// newTable makes one of n blocks, a power of two, and writes to all of its cells.
func newTable(blocks int) (*table, error) {
	a, err := arena.NewArena(arena.Options{Name: "table"})
	if err != nil {
		return nil, err
	}
	t := &table{arena: a}
	if t.cells, err = arena.TryMakeSlice[uint64](a, blocks*block, blocks*block); err != nil {
		return nil, errors.Join(err, a.Free())
	}
	for cell := range t.cells {
		t.cells[cell] = unwritten
	}
	return t, nil
}

// unwritten is in a cell that no write has come to.
const unwritten = 1 << 63

// cell returns where a write goes to, whose number it stores there. Both factors are odd, so
// all blocks have their turn, and all cells of each.
func (t *table) cell(write uint64) uint64 {
	blocks := uint64(len(t.cells) / block)
	return write/(block*turns)*scatter%blocks*block + write%block*scatter%block
}

// write writes until stop is closed.
func (t *table) write(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		start := time.Now()
		t.writeBatch(batch)
		t.longest = max(t.longest, time.Since(start))
	}
}

func (t *table) writeBatch(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range n {
		t.cells[t.cell(t.n)] = t.n
		t.n++
	}
}

// want returns what the cell has, after n writes, that is the k-th to be written to in the block of some visit and of
// each that is a multiple of all blocks later.
func (t *table) want(visit, k, n uint64) uint64 {
	last := uint64(unwritten)
	for start := visit * block * turns; start < n; start += uint64(len(t.cells)) * turns {
		if made := min(n-start, block*turns); made > k {
			last = start + (made-1-k)/block*block + k
		}
	}
	return last
}

// check reads an image, and compares it with the table after n writes: the blocks that were written to since, all of them if
// that is 0.
func (t *table) check(image io.ReaderAt, n, since uint64) error {
	b := make([]byte, 8*block)
	blocks := uint64(len(t.cells) / block)
	first, last := since/(block*turns), n/(block*turns)
	if since == 0 || last-first >= blocks {
		first, last = 0, blocks-1
	}
	for visit := first; visit <= last; visit++ {
		at := t.cell(visit*block*turns) / block
		if _, err := image.ReadAt(b, int64(at*block*8)); err != nil {
			return err
		}
		for k := range uint64(block) {
			cell := t.cell(k) % block
			if got, want := binary.NativeEndian.Uint64(b[8*cell:]), t.want(visit%blocks, k, n); got != want {
				return fmt.Errorf("after %d writes cell %d of the image is %#x, and was %#x", n, at*block+cell, got, want)
			}
		}
	}
	return nil
}
