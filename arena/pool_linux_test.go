//go:build !(386 || arm || mips || mipsle)

package arena_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestPool_LimitAS lives in few addresses: the first run is short, and buffers
// come and go until there is no room for a band.
func TestPool_LimitAS(t *testing.T) {
	if !testutil.InChild(t, "-v 3000000") {
		return
	}
	p := newPool(t, arena.PoolOptions{Name: "index"})
	var all [][]byte
	for {
		b, err := p.Alloc(100 + len(all))
		if err != nil {
			if !errors.Is(err, addrspace.ErrNoSpace) || !strings.Contains(err.Error(), "RLIMIT_AS") {
				t.Errorf("at the limit: %v", err)
			}
			break
		}
		fill(b, len(all))
		all = append(all, b)
	}
	if len(all) < 32 {
		t.Errorf("only %d bands of 16 MiB fit", len(all))
	}
	if _, err := p.Grow(all[0], 2<<30); !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("growing beyond the limit: %v", err)
	}
	for i, b := range all {
		if k := check(b, i); k >= 0 {
			t.Fatalf("byte %d of buffer %d is wrong", k-i, i)
		}
		p.Free(b)
	}
	t.Logf("%d buffers fit, %+v", len(all), p.Stats())
	closePool(t, p)
}

// TestPool_LimitFSize has room for a few bands in each file.
func TestPool_LimitFSize(t *testing.T) {
	if !testutil.InChild(t, "-f 32768") { // Units of 512 bytes in dash, of 1024 in others.
		return
	}
	p := newPool(t, arena.PoolOptions{Name: "index", Band: mib})
	var all [][]byte
	for {
		b, err := p.Alloc(100)
		if err != nil {
			if !errors.Is(err, sys.EFBIG) || !strings.Contains(err.Error(), "RLIMIT_FSIZE") {
				t.Errorf("at the limit: %v", err)
			}
			break
		}
		fill(b, 0)
		all = append(all, b)
	}
	if len(all) < 16 {
		t.Errorf("only %d bands fit", len(all))
	}
	all[0] = grow(t, p, all[0], 10*mib)
	if _, err := p.Grow(all[0], 40*mib); !errors.Is(err, sys.EFBIG) {
		t.Errorf("growing beyond the limit: %v", err)
	}
	for i, b := range all {
		if k := check(b[:100], 0); k >= 0 {
			t.Fatalf("byte %d of buffer %d is wrong", k, i)
		}
		p.Free(b)
	}
	closePool(t, p)
}
