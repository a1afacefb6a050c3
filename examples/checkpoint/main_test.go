package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
)

// TestTable: all cells of all blocks are written to, copies are what the table was, also
// restored, and one that is not is found.
func TestTable(t *testing.T) {
	const blocks = 4
	tab, err := newTable(blocks)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.arena.Free()
	f, err := os.CreateTemp(t.TempDir(), "table")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var last *arena.Checkpoint
	var copied uint64
	for _, writes := range []uint64{0, 1, block - 1, block + 1, turns*block + 7, 3*turns*block + 2*block + 7, (4*turns+2)*block + 99} {
		for tab.n < writes {
			tab.writeBatch(min(batch, writes-tab.n))
		}
		done, n, err := tab.checkpoint(f, last)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil || n != writes {
			t.Fatalf("%d writes, %v; there were %d", n, err, writes)
		}
		for _, since := range []uint64{0, copied} {
			if err := tab.check(f, n, since); err != nil {
				t.Error(err)
			}
		}
		last, copied = done, n
	}
	b, err := arena.NewArena(arena.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	if err := b.Restore(f, last.Len); err != nil {
		t.Fatal(err)
	}
	if err := tab.check(b.NewReader(), tab.n, 0); err != nil {
		t.Error("restored:", err)
	}
	for cell, v := range tab.cells {
		if v == unwritten {
			t.Fatalf("cell %d has never been written to", cell)
		}
	}
	// One in a block that was not written to since, then one in the block that was last.
	for _, tt := range []struct {
		cell  int64
		since uint64
		found bool
	}{{154_320, 0, true}, {154_320, tab.n - 1, false}, {5, tab.n - 1, true}} {
		if _, err := f.WriteAt([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 8*tt.cell); err != nil {
			t.Fatal(err)
		}
		err := tab.check(f, tab.n, tt.since)
		if found := err != nil && strings.Contains(err.Error(), fmt.Sprintf("cell %d of the image", tt.cell)); found != tt.found || err != nil && !found {
			t.Errorf("of an image with wrong bytes in cell %d, since %d of %d writes: %v", tt.cell, tt.since, tab.n, err)
		}
	}
}

func TestRun(t *testing.T) {
	err := run(io.Discard, t.TempDir(), 4, 50*time.Millisecond, 5*time.Millisecond, false)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Error(err)
	}
}
