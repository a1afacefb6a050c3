package pool_test

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// TestReserve: a pool that begins with few addresses takes more in proportion to its
// buffers, in few runs, and one after the other shows the right bytes.
func TestReserve(t *testing.T) {
	if testutil.HeapBacked {
		t.Skip("a run is no longer than 64 MiB in the Go heap")
	}
	const (
		band    = 128 * kib
		reserve = 4 * mib
		n       = 5000
	)
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	p := newPool(t, pool.Options{Band: band, Reserve: reserve, Space: space})
	if s := p.Stats(); s.Reserved != reserve || s.Runs != 1 {
		t.Errorf("an empty pool has %d runs of %d bytes, want one of %d", s.Runs, s.Reserved, reserve)
	}
	all := make([][]byte, n)
	for i := range all {
		b, err := p.Alloc(100 + i)
		if err != nil {
			t.Fatal(err)
		}
		fill(b, i)
		all[i] = b
		if s := p.Stats(); s.Reserved/band > 9*s.Bands+reserve/band || s.Runs > 5 {
			t.Fatalf("%d buffers are in %d runs of %d bytes", i+1, s.Runs, s.Reserved)
		}
	}
	for i, b := range all {
		if b[0] != pattern(i) || b[len(b)-1] != pattern(i+len(b)-1) {
			t.Fatalf("buffer %d has changed", i)
		}
		p.Free(b)
	}
	closePool(t, p)
}
