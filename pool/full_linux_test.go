//go:build !portable && linux && !(386 || arm || mips || mipsle)

package pool

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/growarena/growarena/arena"
)

// TestPool_Full: a pool that has all bands or runs there can be says so.
func TestPool_Full(t *testing.T) {
	p, err := New(Options{Name: t.Name(), Band: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	ready, runs := p.ready, p.runs
	p.ready = uint32(min(int64(noBand)-1, math.MaxInt>>p.shift))
	if err := p.longerRun(); !errors.Is(err, arena.ErrFull) {
		t.Errorf("with all bands: %v", err)
	}
	p.ready = ready
	p.runs = append(slices.Clone(runs), make([]run, math.MaxUint16+1)...)
	if err := p.newRun(1); !errors.Is(err, arena.ErrFull) {
		t.Errorf("with all runs: %v", err)
	}
	p.runs = runs
	b, err := p.Alloc(1)
	if err != nil {
		t.Fatal(err)
	}
	p.Free(b)
}
