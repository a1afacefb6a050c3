//go:build !portable

package arena_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/growarena/growarena/arena"
)

// TestCheckpoint_HoleMeanwhile: what becomes a hole after it was copied to an empty file is zero there, too: only at first holes
// can be left out.
func TestCheckpoint_HoleMeanwhile(t *testing.T) {
	a, err := arena.NewArena(arena.Options{HugePages: arena.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	b, err := a.Alloc(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	fill := bytes.Repeat([]byte{0xa5}, len(b))
	copy(b, fill)
	if err := a.Track(); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "copy")
	dst, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	c, err := a.Checkpoint(dst, arena.CheckpointOptions{Quiesce: func() error { return a.Decommit(2<<20, 1<<20) }})
	if err != nil {
		t.Fatal(err)
	}
	if c.Rounds < 2 {
		t.Errorf("%d rounds: it was copied once only", c.Rounds)
	}
	clear(fill[2<<20 : 3<<20])
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, fill) {
		t.Errorf("%d bytes, %v: the copy is not what the arena was", len(got), err)
	}
}
