//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

// TestVMA_TailsMerge: parts of a file that follow each other in the file and in memory
// are one VMA, if they were mapped with the same flags and advised alike. A window is
// one VMA that way, however often it was extended, and Rehome can move it at once.
func TestVMA_TailsMerge(t *testing.T) {
	fd, at := memfd(t, 32*mib), reserve(t, 32*mib, 0)
	for off := uintptr(0); off < 32*mib; off += 2 * mib {
		mapFile(t, at+off, 2*mib, fd, int64(off))
		must(t, sys.Advise(at+off, 2*mib, sys.AdviseDontDump))
	}
	wantVMAs(t, "16 tails", at, 32*mib, 1)
	wantFlag(t, at, "dd", true)
}

// TestVMA_UnequalTailsDoNotMerge: neither parts that do not follow each other in the file,
// nor those advised differently, nor of another protection, are one VMA: the counting of
// VMAs in package addrspace rests on that (segments.vmas).
func TestVMA_UnequalTailsDoNotMerge(t *testing.T) {
	fd, at := memfd(t, 32*mib), reserve(t, 32*mib, 0)
	mapFile(t, at, 2*mib, fd, 0)
	mapFile(t, at+2*mib, 2*mib, fd, 0)
	wantVMAs(t, "the same part twice", at, 4*mib, 2)
	mapFile(t, at+8*mib, 2*mib, fd, 8*mib)
	must(t, sys.Advise(at+8*mib, 2*mib, sys.AdviseDontDump))
	mapFile(t, at+10*mib, 2*mib, fd, 10*mib)
	wantVMAs(t, "one of two advised", at+8*mib, 4*mib, 2)
	must(t, sys.Advise(at+10*mib, 2*mib, sys.AdviseDontDump))
	wantVMAs(t, "both of two advised", at+8*mib, 4*mib, 1)
	mapFile(t, at+16*mib, 2*mib, fd, 16*mib)
	must(t, sys.MapShared(at+18*mib, 2*mib, fd, 18*mib, unix.PROT_READ))
	wantVMAs(t, "one of two read-only", at+16*mib, 4*mib, 2)
}

// TestVMA_ReservedNeighboursMerge: two inaccessible mappings side by side are one VMA, so
// that giving one of them back is cutting a VMA. A Space therefore leaves a gap
// between its windows (addrspace guard).
func TestVMA_ReservedNeighboursMerge(t *testing.T) {
	at := reserve(t, 8*mib, 0)
	must(t, sys.Unmap(at, 8*mib))
	for _, off := range []uintptr{0, mib, 4 * mib} {
		if _, err := sys.Reserve(at+off, mib); err != nil {
			t.Skipf("somebody was faster: %v", err)
		}
	}
	wantVMAs(t, "two neighbours and one apart", at, 5*mib, 2)
}

// TestVMA_GuardsAreNone: guard pages take no VMA, so 300,000 buffers of a Pool have one
// each (Pool.guardBand).
func TestVMA_GuardsAreNone(t *testing.T) {
	need(t, sys.AdviseGuardInstall, "MADV_GUARD_INSTALL of shared files (Linux 6.15)")
	fd, at := memfd(t, 16*mib), reserve(t, 16*mib, 0)
	mapFile(t, at, 16*mib, fd, 0)
	for off := uintptr(0); off < 16*mib; off += 256 * kib {
		must(t, sys.Advise(at+off, page, sys.AdviseGuardInstall))
	}
	wantVMAs(t, "with 64 guards", at, 16*mib, 1)
}

// TestVMA_ProtectCutsAndJoins: making a part inaccessible makes three VMAs of one, and
// making it accessible again one of three. Debug mode of package slab counts on getting
// them back (heldRun).
func TestVMA_ProtectCutsAndJoins(t *testing.T) {
	fd, at := memfd(t, 4*mib), reserve(t, 4*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	put(at+mib, 7)
	must(t, sys.Protect(at+mib, mib, unix.PROT_NONE))
	wantVMAs(t, "with a part inaccessible", at, 4*mib, 3)
	if !faults(t, at+mib, false) || faults(t, at+mib-1, false) || faults(t, at+2*mib, true) {
		t.Error("other bytes fault than those of the part")
	}
	must(t, sys.Protect(at+mib, mib, readWrite))
	wantVMAs(t, "accessible again", at, 4*mib, 1)
	want(t, "what was there", at+mib, 7)
}

// TestVMA_Flags: smaps tells what was said about dumping and forking. A window is never
// in a core dump (Window.MapFile); it is in a forked child, for nothing says it shall not.
func TestVMA_Flags(t *testing.T) {
	fd, at := memfd(t, 4*mib), reserve(t, 4*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	wantFlag(t, at, "sh", true)
	wantFlag(t, at, "dd", false)
	wantFlag(t, at, "dc", false)
	must(t, sys.Advise(at, 4*mib, sys.AdviseDontDump))
	wantFlag(t, at, "dd", true)
	wantFlag(t, at, "dc", false)
	must(t, sys.Advise(at, 4*mib, unix.MADV_DONTFORK))
	wantFlag(t, at, "dc", true)
}
