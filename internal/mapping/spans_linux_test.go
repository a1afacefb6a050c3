//go:build !portable && !(386 || arm || mips || mipsle)

package mapping

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const gib = 1 << 30

// sparse makes a mapping of n bytes that has data at the offsets at.
func sparse(t *testing.T, rungs Rungs, n int, at ...int) *Mapping {
	t.Helper()
	f := newFile(t, 2*n)
	m := &Mapping{
		Ladder: Ladder{Name: t.Name(), Space: addrspace.New(addrspace.Options{CacheWindows: -1}), Rungs: rungs, Prot: readWrite, Own: true},
		Limit:  2 * n, Page: f.Page(), Source: WholeFile(f.Fd()),
	}
	if err := m.Open(n, n, n, false, nil); err != nil {
		t.Fatal(err)
	}
	for _, off := range at {
		m.View().Slice(off, 1)[0] = byte(off / gib)
	}
	return m
}

// TestLadder_Spans: what is asked to move is where the file has data, whole GiBs of it, and all
// of it where it does not say.
func TestLadder_Spans(t *testing.T) {
	var many []int
	for k := range 2 * spansMax {
		many = append(many, 2*k*gib)
	}
	tests := map[string]struct {
		at   []int
		n    int
		want []span
	}{
		"nothing":            {nil, 4096 * gib, nil},
		"at the end":         {[]int{4095*gib + 77}, 4096 * gib, []span{{4095 * gib, gib}}},
		"here and there":     {[]int{5, 7 * gib, 8*gib - 1, 8 * gib, 100*gib - 1}, 4096 * gib, []span{{0, gib}, {7 * gib, 2 * gib}, {99 * gib, gib}}},
		"beyond the end":     {[]int{100 * gib}, 100 * gib, nil},
		"an end within":      {[]int{2 * gib}, 2*gib + extent, []span{{2 * gib, extent}}},
		"a short one, whole": {nil, gib, []span{{0, gib}}},
		"too many":           {many, 4096 * gib, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := sparse(t, AllRungs, 4096*gib, test.at...)
			defer end(t, m)
			g := Part{int(m.Source.(WholeFile)), 0, test.n}
			want := test.want
			if name == "too many" {
				for _, off := range many[:spansMax] {
					want = append(want, span{off, gib})
				}
				want[spansMax-1].n = 4096*gib - many[spansMax-1]
			}
			if got := m.spans(g, test.n); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			all := []span{{0, test.n}}
			restore := testutil.FailAll(sys.CallSeek, syscall.EINVAL)
			if got := m.spans(g, test.n); !slices.Equal(got, all) {
				t.Errorf("where the file does not say: %v, want %v", got, all)
			}
			restore()
			m.Own = false
			if got := m.spans(g, test.n); !slices.Equal(got, all) {
				t.Errorf("of a file that is not ours: %v, want %v", got, all)
			}
		})
	}
}

// TestMapping_MovesWhatIsInUse: a window of terabytes moves by the page tables of what the
// file holds, and is one mapping that shows it all.
func TestMapping_MovesWhatIsInUse(t *testing.T) {
	if !memfile.CanRehome() {
		t.Skip("this kernel does not move page tables of shared memory")
	}
	const n = 4096 * gib
	at := []int{3, 1000*gib + 5, 4095*gib + 7}
	m := sparse(t, RungRehome, n, at...)
	defer end(t, m)
	before := m.View()
	calls := testutil.CountCalls(func() {
		if err := m.Grow(2*n, nil); err != nil {
			t.Fatal(err)
		}
	})
	if calls[sys.CallMremap] != 3 {
		t.Errorf("page tables were moved %d times, for 3 GiB with data", calls[sys.CallMremap])
	}
	now := m.View()
	for _, off := range append(at, 2*n-2) {
		if got := now.Slice(off, 1)[0]; off < n && got != byte(off/gib) {
			t.Errorf("byte %d is %d", off, got)
		}
		now.Slice(off, 2)[0]++
		if off < n && before.Slice(off, 1)[0] != byte(off/gib)+1 {
			t.Errorf("a write at %d does not show in the old window", off)
		}
	}
	for _, off := range []int{500 * gib, 2000 * gib, n + gib} { // Where nothing was.
		now.Slice(off, 1)[0] = 99
		if off < n && before.Slice(off, 1)[0] != 99 {
			t.Errorf("at %d the windows show different bytes", off)
		}
	}
	mappings := 0
	if err := sys.Maps(func(v sys.VMA) bool {
		if strings.HasPrefix(v.Path, "/memfd:") && v.Start < now.Addr(2*n) && now.Addr(0) < v.End {
			mappings++
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if mappings != 1 {
		t.Errorf("the window is %d mappings", mappings)
	}
}

// TestMapping_MoveFailsHalfway: what cannot be moved after some has been is mapped again, or
// undone where that is off.
func TestMapping_MoveFailsHalfway(t *testing.T) {
	if !memfile.CanRehome() {
		t.Skip("this kernel does not move page tables of shared memory")
	}
	const n = 64 * gib
	at := []int{3, 20*gib + 5, 40*gib + 7}
	for _, call := range []sys.Call{sys.CallMremap, sys.CallMmap} {
		for _, rungs := range []Rungs{RungRehome, RungRehome | RungAlias} {
			for nth := range 3 {
				m := sparse(t, rungs, n, at...)
				before := m.View()
				restore := testutil.FailNth(call, nth+2, syscall.ENOMEM)
				err := m.Grow(2*n, nil)
				restore()
				// The window is the first mmap; each part of the file another.
				if mayFail := call == sys.CallMmap || rungs&RungAlias == 0; (err != nil) && !mayFail {
					t.Errorf("%v %d failed: %v", call, nth+2, err)
				}
				if err != nil && m.View() != before {
					t.Errorf("%v %d failed: the view has changed", call, nth+2)
				}
				for _, off := range at {
					if got := m.View().Slice(off, 1)[0]; got != byte(off/gib) {
						t.Errorf("%v %d failed: byte %d is %d", call, nth+2, off, got)
					}
				}
				end(t, m)
			}
		}
	}
}
