//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

// collapse makes a huge page of the extent at addr, which begins at off in the file, the
// way the arena does, or skips.
func collapse(t *testing.T, fd int, addr uintptr, off int64) {
	t.Helper()
	must(t, sys.Allocate(fd, off, int64(page)))
	if err := sys.Advise(addr, huge, sys.AdviseCollapse); err != nil {
		t.Skipf("no MADV_COLLAPSE of shared memory (Linux 6.12, or 6.1 with shmem_enabled other than never; pages of 4 KiB): %v", err)
	}
}

// hugeKiB returns how much of the mapping at addr is mapped by huge pages.
func hugeKiB(t *testing.T, addr uintptr) int {
	t.Helper()
	v := vmas(t, addr, 1)
	if len(v) != 1 {
		t.Fatalf("%d VMAs at %#x", len(v), addr)
	}
	return v[0].kb["ShmemPmdMapped"]
}

// TestCollapse_OfOnePage: an extent with one small page becomes a huge page, mapped, with
// what was in it, whatever shmem_enabled says. All of arena's preparing ahead is that
// (prepareExtent, commitExtents).
func TestCollapse_OfOnePage(t *testing.T) {
	fd, at := memfd(t, 2*huge), reserve(t, 2*huge, 0)
	mapFile(t, at, 2*huge, fd, 0)
	put(at+3*page, 7)
	collapse(t, fd, at, 0)
	if kb := hugeKiB(t, at); kb != huge/kib {
		t.Errorf("%d KiB are mapped by huge pages", kb)
	}
	want(t, "what was there", at+3*page, 7)
	want(t, "what was not", at+huge-1, 0)
	if n := blocks(t, fd); n != huge {
		t.Errorf("the file holds %d bytes", n)
	}
	if resident(t, at+huge, huge) != 0 {
		t.Error("the next extent has memory, too")
	}
}

// TestCollapse_ServesEveryMapping: once an extent is huge, another mapping of it takes one
// fault, and after a move of page tables the new place has it huge as well: rehoming
// what was prepared costs least (README, "of 2 MiB pages").
func TestCollapse_ServesEveryMapping(t *testing.T) {
	needMoveKeep(t)
	fd, at := memfd(t, huge), reserve(t, 4*huge, 0)
	mapFile(t, at, huge, fd, 0)
	collapse(t, fd, at, 0)
	put(at+5*page, 9)
	alias, to := at+huge, at+2*huge
	mapFile(t, alias, huge, fd, 0)
	want(t, "the alias", alias+5*page, 9)
	wantErrno(t, "mremap", mremap(at, huge, to, huge, moveKeep), 0)
	want(t, "the new place", to+5*page, 9)
	want(t, "the old place", at+5*page, 9)
	if kb := hugeKiB(t, to); kb != huge/kib {
		t.Errorf("in the new place %d KiB are mapped by huge pages", kb)
	}
}

// TestCollapse_NotWhereNoHugePagesAreWanted: MADV_NOHUGEPAGE is an EINVAL of it, which is
// for small pages instead and no lack of memory (commitExtents tells them apart).
func TestCollapse_NotWhereNoHugePagesAreWanted(t *testing.T) {
	fd, at := memfd(t, 2*huge), reserve(t, 2*huge, 0)
	mapFile(t, at, 2*huge, fd, 0)
	collapse(t, fd, at, 0)
	put(at+huge, 7)
	if err := sys.Advise(at+huge, huge, sys.AdviseNoHugePage); err != nil {
		t.Skipf("no MADV_NOHUGEPAGE: %v", err)
	}
	wantErrno(t, "collapse", errnoOf(sys.Advise(at+huge, huge, sys.AdviseCollapse)), unix.EINVAL)
	want(t, "what was there", at+huge, 7)
}

// TestPopulate_TakesAndMaps: MADV_POPULATE_WRITE gives the file pages and fills the page
// tables; of what the file already holds POPULATE_READ fills them. It stands in for
// MADV_COLLAPSE (prepareExtent).
func TestPopulate_TakesAndMaps(t *testing.T) {
	need(t, sys.AdvisePopulateWrite, "MADV_POPULATE_WRITE (Linux 5.14)")
	fd, at := memfd(t, 4*mib), reserve(t, 8*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	must(t, sys.Advise(at, mib, sys.AdvisePopulateWrite))
	if n := blocks(t, fd); n < mib {
		t.Errorf("the file holds %d bytes", n)
	}
	if kb := vmas(t, at, 1)[0].kb["Rss"]; kb < kib {
		t.Errorf("%d KiB are mapped", kb)
	}
	mapFile(t, at+4*mib, 4*mib, fd, 0)
	must(t, sys.Advise(at+4*mib, mib, sys.AdvisePopulateRead))
	if kb := vmas(t, at+4*mib, 1)[0].kb["Rss"]; kb < kib {
		t.Errorf("%d KiB are mapped after POPULATE_READ", kb)
	}
}

// TestPopulate_RefusesWhatWouldFault: beyond the end of the file and where nothing may be
// touched it is an errno where a touch is a signal. Preparing ahead therefore cannot
// crash, wherever it looks.
func TestPopulate_RefusesWhatWouldFault(t *testing.T) {
	need(t, sys.AdvisePopulateWrite, "MADV_POPULATE_WRITE (Linux 5.14)")
	fd, at := memfd(t, mib), reserve(t, 8*mib, 0)
	mapFile(t, at, 2*mib, fd, 0)
	wantErrno(t, "beyond the end", errnoOf(sys.Advise(at, 2*mib, sys.AdvisePopulateWrite)), unix.EFAULT)
	wantErrno(t, "inaccessible", errnoOf(sys.Advise(at+4*mib, mib, sys.AdvisePopulateWrite)), unix.EFAULT, unix.EINVAL)
	must(t, sys.MapShared(at+6*mib, mib, fd, 0, unix.PROT_READ))
	wantErrno(t, "read-only", errnoOf(sys.Advise(at+6*mib, mib, sys.AdvisePopulateWrite)), unix.EINVAL, unix.EFAULT)
	must(t, sys.Advise(at+6*mib, mib, sys.AdvisePopulateRead))
	must(t, sys.Unmap(at+7*mib, mib))
	wantErrno(t, "where nothing is", errnoOf(sys.Advise(at+7*mib, mib, sys.AdvisePopulateWrite)), unix.ENOMEM)
}

// TestFallocate_FillsNoPageTables: promised memory still takes a fault at the first touch,
// which is why it is collapsed or populated as well.
func TestFallocate_FillsNoPageTables(t *testing.T) {
	fd, at := memfd(t, mib), reserve(t, mib, 0)
	mapFile(t, at, mib, fd, 0)
	must(t, sys.Allocate(fd, 0, mib))
	if kb := vmas(t, at, 1)[0].kb["Rss"]; kb != 0 {
		t.Errorf("%d KiB are mapped", kb)
	}
}

// TestGuard_FaultsInThisMappingAlone: a guard page faults, at the very address; the file
// keeps what is there and shows it in other mappings, and guards stay when the file is
// punched and when page tables are dropped (Pool.guardBand).
func TestGuard_FaultsInThisMappingAlone(t *testing.T) {
	need(t, sys.AdviseGuardInstall, "MADV_GUARD_INSTALL of shared files (Linux 6.15)")
	fd, at := memfd(t, 4*mib), reserve(t, 8*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	mapFile(t, at+4*mib, 4*mib, fd, 0)
	put(at+mib, 7)
	must(t, sys.Advise(at+mib, page, sys.AdviseGuardInstall))
	guarded := func(when string) {
		t.Helper()
		if !faults(t, at+mib, false) || !faults(t, at+mib+page-1, true) {
			t.Errorf("%s: the guard does not fault", when)
		}
		if faults(t, at+mib-1, true) || faults(t, at+mib+page, true) {
			t.Errorf("%s: what is beside the guard faults", when)
		}
	}
	guarded("installed")
	want(t, "the other mapping", at+5*mib, 7)
	must(t, sys.Advise(at, 4*mib, sys.AdviseDontNeed))
	guarded("after dropping the page tables")
	must(t, sys.Punch(fd, 0, 4*mib))
	guarded("after punching the file")
	must(t, sys.Advise(at+mib, page, sys.AdviseGuardRemove))
	want(t, "without the guard", at+mib, 0)
}

// TestGuard_BeyondTheEnd: guards can be placed where the file does not reach yet, and are
// there when it does. A Pool's run is mapped, and guarded, ahead of its file.
func TestGuard_BeyondTheEnd(t *testing.T) {
	need(t, sys.AdviseGuardInstall, "MADV_GUARD_INSTALL of shared files (Linux 6.15)")
	fd, at := memfd(t, mib), reserve(t, 8*mib, 0)
	mapFile(t, at, 8*mib, fd, 0)
	must(t, sys.Advise(at+4*mib, page, sys.AdviseGuardInstall))
	must(t, unix.Ftruncate(fd, 8*mib))
	if !faults(t, at+4*mib, false) || faults(t, at+4*mib+page, true) {
		t.Error("the guard does not fault, or more than the guard does")
	}
}

// TestGuard_MovesAlong: moving page tables takes the guards along, so the old place has
// none any more: a Pool installs them anew when a buffer leaves its band (outgrow).
func TestGuard_MovesAlong(t *testing.T) {
	need(t, sys.AdviseGuardInstall, "MADV_GUARD_INSTALL of shared files (Linux 6.15)")
	needMoveKeep(t)
	fd, at := memfd(t, 2*mib), reserve(t, 8*mib, 0)
	mapFile(t, at, 2*mib, fd, 0)
	must(t, sys.Advise(at, page, sys.AdviseGuardInstall))
	wantErrno(t, "mremap", mremap(at, 2*mib, at+4*mib, 2*mib, moveKeep), 0)
	if !faults(t, at+4*mib, false) {
		t.Error("the guard is not in the new place")
	}
	if faults(t, at, false) {
		t.Error("the guard is in the old place still: Pool need not install it anew")
	}
}
