//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

// TestMoveKeep_SharedStaysCoherent: after the page tables have moved both places
// show the same bytes, both ways, also when the file was closed before. All of
// arena's rung Rehome is that (addrspace Window.Rehome).
func TestMoveKeep_SharedStaysCoherent(t *testing.T) {
	needMoveKeep(t)
	fd, err := unix.MemfdCreate("conformance", unix.MFD_CLOEXEC)
	must(t, err)
	must(t, unix.Ftruncate(fd, 4*mib))
	from := reserve(t, 16*mib, 0)
	to := from + 8*mib
	mapFile(t, from, 4*mib, fd, 0)
	must(t, unix.Close(fd))
	put(from, 1)
	put(from+3*mib, 2)
	wantErrno(t, "mremap", mremap(from, 4*mib, to, 4*mib, moveKeep), 0)
	for _, at := range []uintptr{from, to} {
		want(t, "the first byte", at, 1)
		want(t, "a byte in the middle", at+3*mib, 2)
	}
	put(to+mib, 3)
	want(t, "what was written in the new place", from+mib, 3)
	put(from+2*mib, 4)
	want(t, "what was written in the old place", to+2*mib, 4)
}

// TestMoveKeep_TakesThePageTables: the new place has the pages without a fault, and
// the old one none until it is touched. It is why Rehome is cheap, and why kept
// windows cost no memory (RATIONALE).
func TestMoveKeep_TakesThePageTables(t *testing.T) {
	needMoveKeep(t)
	fd, from := memfd(t, 4*mib), reserve(t, 16*mib, 0)
	to := from + 8*mib
	mapFile(t, from, 4*mib, fd, 0)
	for off := uintptr(0); off < 4*mib; off += page {
		put(from+off, 1)
	}
	wantErrno(t, "mremap", mremap(from, 4*mib, to, 4*mib, moveKeep), 0)
	old, moved := vmas(t, from, 4*mib), vmas(t, to, 4*mib)
	if len(old) != 1 || len(moved) != 1 || old[0].kb["Rss"] != 0 || moved[0].kb["Rss"] != 4*kib {
		t.Errorf("old %+v\nnew %+v", old, moved)
	}
}

// TestMoveKeep_PrivateReadsZero: of private memory the old place forgets what it was.
// That is why all memory of the library is a shared file.
func TestMoveKeep_PrivateReadsZero(t *testing.T) {
	from := reserve(t, 4*mib, 0)
	to := from + 2*mib
	got, e := mmap(from, mib, readWrite, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED, -1, 0)
	if e != 0 || got != from {
		t.Fatal(e)
	}
	put(from, 7)
	if e := mremap(from, mib, to, mib, moveKeep); e != 0 {
		t.Skipf("no MREMAP_DONTUNMAP (Linux 5.7): %v", e)
	}
	want(t, "the old place", from, 0)
	want(t, "the new place", to, 7)
}

// TestMoveKeep_Arguments: lengths must be equal, so growing is moving and then mapping
// a tail (arena's move and mapWindow); and what is wrong is an error that has left the
// destination alone, so that the next rung finds it as it was.
func TestMoveKeep_Arguments(t *testing.T) {
	needMoveKeep(t)
	fd, from := memfd(t, 4*mib), reserve(t, 32*mib, 0)
	to := from + 16*mib
	mapFile(t, from, 4*mib, fd, 0)
	mapFile(t, to, 8*mib, fd, 0)
	put(from, 1)
	for name, c := range map[string]struct {
		from, n, to, newLen uintptr
		flags               int
		want                syscall.Errno
	}{
		"longer":             {from, 4 * mib, to, 8 * mib, moveKeep, unix.EINVAL},
		"shorter":            {from, 4 * mib, to, 2 * mib, moveKeep, unix.EINVAL},
		"without MAYMOVE":    {from, 4 * mib, to, 4 * mib, unix.MREMAP_FIXED | unix.MREMAP_DONTUNMAP, unix.EINVAL},
		"from within a page": {from + 1, 4 * mib, to, 4 * mib, moveKeep, unix.EINVAL},
		"to within a page":   {from, 4 * mib, to + 1, 4 * mib, moveKeep, unix.EINVAL},
		"overlapping":        {from, 4 * mib, from + 2*mib, 4 * mib, moveKeep, unix.EINVAL},
	} {
		wantErrno(t, name, mremap(c.from, c.n, c.to, c.newLen, c.flags), c.want)
	}
	want(t, "the destination", to, 1)
	wantVMAs(t, "the destination", to, 8*mib, 1)
	must(t, sys.Unmap(from+8*mib, mib))
	wantErrno(t, "from where nothing is", mremap(from+8*mib, mib, to+8*mib, mib, moveKeep), unix.EFAULT)
}

// TestMoveKeep_Alignments: wherever source and destination lie, everything arrives,
// what lies before and behind the destination stays, and the old place shows the same.
// After the kernel's own table (tools/testing/selftests/mm/mremap_test.c), which came
// with bugs of moving page tables by whole pages of them. Windows are aligned to 2 MiB or
// 1 GiB (addrspace Alignment), bands of a Pool to as little as 64 KiB.
func TestMoveKeep_Alignments(t *testing.T) {
	needMoveKeep(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const preamble = 40 * mib
	for _, c := range []struct{ n, from, to uintptr }{
		{2 * page, page, page}, {2 * page, 3 * page, 0},
		{2 * mib, mib, page}, {2 * mib, mib, mib}, {2 * mib, 0, 0},
		{4 * mib, 0, page}, {4 * mib, 0, mib}, {4 * mib, 0, 0}, {4 * mib, page, 0},
		{5 * mib, mib, mib}, {5 * mib, 0, 3 * mib},
		{64 * kib, 64 * kib, 192 * kib}, {256 * kib, 256 * kib, 0},
		{2 * gib, 0, 0}, {2 * gib, 0, 2 * mib}, {2 * gib, 0, mib}, {2 * gib, page, page},
		{gib + 5*mib, 0, gib - 2*mib},
	} {
		t.Run(fmt.Sprintf("%d from %d to %d", c.n, c.from, c.to), func(t *testing.T) {
			fd := memfd(t, int64(c.n))
			from := reserve(t, c.n+mib, c.from)
			to := reserve(t, preamble+c.n+2*mib, c.to) + preamble
			// What must stay: mappings of another file right before and behind.
			other := memfd(t, preamble+mib)
			mapFile(t, to-preamble, preamble, other, 0)
			mapFile(t, to+c.n, mib, other, preamble)
			mapFile(t, from, c.n, fd, 0)

			places := map[uintptr]byte{0: 1, c.n - 1: 2}
			rng := rand.New(rand.NewPCG(seed, uint64(c.n)))
			for range 40 {
				places[uintptr(rng.Uint64N(uint64(c.n)))] = byte(rng.UintN(256))
			}
			for off, b := range places {
				put(from+off, b)
			}
			around := map[uintptr]byte{to - 1: 3, to - preamble: 4, to - page: 5, to + c.n: 6, to + c.n + mib - 1: 7}
			for range 20 {
				around[to-1-uintptr(rng.Uint64N(preamble))] = byte(rng.UintN(256))
			}
			for addr, b := range around {
				put(addr, b)
			}
			wantErrno(t, "mremap", mremap(from, c.n, to, c.n, moveKeep), 0)
			for off, b := range places {
				want(t, fmt.Sprintf("byte %d in the new place", off), to+off, b)
				want(t, fmt.Sprintf("byte %d in the old place", off), from+off, b)
			}
			for addr, b := range around {
				want(t, fmt.Sprintf("byte %#x around the new place %#x", addr, to), addr, b)
			}
		})
	}
}

// TestMoveKeep_PartOfAMapping: the end of a mapping moves alone, over the beginning of
// another one, of which the rest stays. A Pool moves a buffer part by part
// (Pool.moveTables).
func TestMoveKeep_PartOfAMapping(t *testing.T) {
	needMoveKeep(t)
	fd, other := memfd(t, int64(10*page)), memfd(t, int64(10*page))
	from := reserve(t, 16*mib, 0)
	to := from + 8*mib
	mapFile(t, from, 10*page, fd, 0)
	mapFile(t, to, 10*page, other, 0)
	for i := range uintptr(10) {
		put(from+i*page, byte('0'+i))
		put(to+i*page, 'X')
	}
	wantErrno(t, "mremap", mremap(from+5*page, 5*page, to, 5*page, moveKeep), 0)
	for i := range uintptr(5) {
		want(t, "moved", to+i*page, byte('5'+i))
		want(t, "stayed behind it", to+(5+i)*page, 'X')
		want(t, "stayed at the source", from+i*page, byte('0'+i))
		want(t, "at the source, of what moved", from+(5+i)*page, byte('5'+i))
	}
}

// TestMoveKeep_SeveralVMAs: since Linux 6.17 a move may go across VMAs; before it is
// EFAULT and nothing has moved. The library moves one VMA at a time (Window.Rehome).
func TestMoveKeep_SeveralVMAs(t *testing.T) {
	needMoveKeep(t)
	fd, from := memfd(t, 4*mib), reserve(t, 16*mib, 0)
	to := from + 8*mib
	mapFile(t, from, 4*mib, fd, 0)
	must(t, sys.Protect(from+2*mib, 2*mib, unix.PROT_READ))
	put(from+mib, 9)
	switch e := mremap(from, 4*mib, to, 4*mib, moveKeep); e {
	case 0:
		want(t, "moved", to+mib, 9)
		if faults(t, to+3*mib, false) || !faults(t, to+3*mib, true) {
			t.Error("the second VMA has another protection where it went")
		}
	case unix.EFAULT, unix.EINVAL:
	default:
		t.Errorf("mremap: %v", e)
	}
	want(t, "the source", from+mib, 9)
}

// TestMoveKeep_CarriesFlagsAlong: what was said against core dumps holds in both places:
// without it a dump would read, and so allocate, all of a sparse file
// (Window.MapFile).
func TestMoveKeep_CarriesFlagsAlong(t *testing.T) {
	needMoveKeep(t)
	fd, from := memfd(t, 4*mib), reserve(t, 16*mib, 0)
	to := from + 8*mib
	mapFile(t, from, 4*mib, fd, 0)
	must(t, sys.Advise(from, 4*mib, sys.AdviseDontDump))
	wantErrno(t, "mremap", mremap(from, 4*mib, to, 4*mib, moveKeep), 0)
	for _, addr := range []uintptr{from, to} {
		wantFlag(t, addr, "dd", true)
	}
}

// TestMoveKeep_UnderReadersAndWriters: no load is torn and no store is lost while the
// page tables move under it, one place after the other. Writers of an arena take no
// lock for that reason (package arena, Publishing).
func TestMoveKeep_UnderReadersAndWriters(t *testing.T) {
	needMoveKeep(t)
	const n, places = 4 * mib, 8
	moves := 400
	if testing.Short() {
		moves = 50
	}
	fd, start := memfd(t, n), reserve(t, places*2*n, 0)
	mapFile(t, start, n, fd, 0)
	var newest atomic.Uintptr
	newest.Store(start)
	var stop atomic.Bool
	var wg sync.WaitGroup
	writes := make([]uint64, 2)
	for k := range writes {
		wg.Add(1)
		go func() { // Each has a word of its own in every page.
			defer wg.Done()
			for i := uint64(1); !stop.Load(); i++ {
				addr := newest.Load() // May be old by now: it stays mapped.
				for p := uintptr(0); p < n; p += 64 * page {
					word := (*uint64)(sys.Pointer(addr + p + uintptr(k)*8))
					if *word != i-1 {
						t.Errorf("writer %d: %d was there, not %d", k, *word, i-1)
						return
					}
					*word = i
				}
				writes[k] = i
			}
		}()
	}
	for i := range moves {
		from, to := newest.Load(), start+uintptr((i+1)%places)*2*n
		if e := mremap(from, n, to, n, moveKeep); e != 0 {
			t.Errorf("move %d: %v", i, e)
			break
		}
		newest.Store(to)
	}
	stop.Store(true)
	wg.Wait()
	for k, i := range writes {
		for p := uintptr(0); p < n; p += 64 * page {
			if got := *(*uint64)(sys.Pointer(newest.Load() + p + uintptr(k)*8)); got != i {
				t.Errorf("writer %d wrote %d, and %d is there", k, i, got)
			}
		}
	}
	t.Logf("%d moves under %v rounds of writes", moves, writes)
}

// wantFlag checks whether the VMA at addr has a flag, by its name in smaps.
func wantFlag(t *testing.T, addr uintptr, flag string, set bool) {
	t.Helper()
	found := vmas(t, addr, 1)
	if len(found) != 1 {
		t.Fatalf("%d VMAs at %#x", len(found), addr)
	}
	has := false
	for _, f := range found[0].flags {
		has = has || f == flag
	}
	if has != set {
		t.Errorf("the VMA at %#x has flags %v, and %s is %v", addr, found[0].flags, flag, has)
	}
}
