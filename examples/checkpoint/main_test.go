package main

import (
	"errors"
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
		if err := tab.check(f, n); err != nil {
			t.Error(err)
		}
		last = done
	}
	b, err := arena.NewArena(arena.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	if err := b.Restore(f, last.Len); err != nil {
		t.Fatal(err)
	}
	if err := tab.check(b.NewReader(), tab.n); err != nil {
		t.Error("restored:", err)
	}
	for cell, v := range tab.cells {
		if v == unwritten {
			t.Fatalf("cell %d has never been written to", cell)
		}
	}
	if _, err := f.WriteAt([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 8*154_320); err != nil {
		t.Fatal(err)
	}
	if err := tab.check(f, tab.n); err == nil || !strings.Contains(err.Error(), "cell 154320 of the image") {
		t.Errorf("of an image with wrong bytes: %v", err)
	}
}

func TestRun(t *testing.T) {
	err := run(io.Discard, t.TempDir(), 4, 50*time.Millisecond, 5*time.Millisecond)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Error(err)
	}
}
