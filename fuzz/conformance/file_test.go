//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

// TestEnd_MappedBeyondItGrowsInto: a mapping may reach beyond the end of the file, a
// touch there faults at the very address, and once the file is longer the same mapping
// shows zeros there, without another call. The arena maps its windows as a whole and
// grows by ftruncate alone (arena mapWindow, rung InWindow).
func TestEnd_MappedBeyondItGrowsInto(t *testing.T) {
	fd, at := memfd(t, 2*mib), reserve(t, 16*mib, 0)
	mapFile(t, at, 16*mib, fd, 0)
	wantVMAs(t, "the mapping", at, 16*mib, 1)
	put(at+2*mib-1, 1)
	for _, off := range []uintptr{2 * mib, 2*mib + 4711, 16*mib - 1} {
		if !faults(t, at+off, false) || !faults(t, at+off, true) {
			t.Errorf("byte %d is beyond the end and does not fault", off)
		}
	}
	must(t, unix.Ftruncate(fd, 4*mib))
	want(t, "behind the old end", at+2*mib, 0)
	put(at+4*mib-1, 2)
	want(t, "before the old end", at+2*mib-1, 1)
	if !faults(t, at+4*mib, false) {
		t.Error("behind the new end is no fault")
	}
	wantVMAs(t, "the mapping", at, 16*mib, 1)
}

// TestEnd_ShorterFaultsAndLongerIsZero: what somebody cuts off a file faults in every
// mapping, and reads as zero when the file is longer again. So files of ours are
// sealed, a caller's is watched (backing.grow, ErrShrunk), and CatchFault exists.
func TestEnd_ShorterFaultsAndLongerIsZero(t *testing.T) {
	fd, at := memfd(t, 4*mib), reserve(t, 8*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	mapFile(t, at+4*mib, 4*mib, fd, 0)
	put(at+3*mib, 1)
	must(t, unix.Ftruncate(fd, 2*mib))
	for _, alias := range []uintptr{at, at + 4*mib} {
		if !faults(t, alias+3*mib, false) {
			t.Error("what was cut off does not fault")
		}
	}
	must(t, unix.Ftruncate(fd, 4*mib))
	want(t, "what was cut off", at+3*mib, 0)
	want(t, "what was cut off, in the other mapping", at+7*mib, 0)
}

// TestEnd_ClosedFileStaysMapped: a mapping outlives the descriptor: an Alias stays
// through Free of its arena, windows that guards hold as well (Arena.Free).
func TestEnd_ClosedFileStaysMapped(t *testing.T) {
	fd, err := unix.MemfdCreate("conformance", unix.MFD_CLOEXEC)
	must(t, err)
	must(t, unix.Ftruncate(fd, mib))
	at := reserve(t, mib, 0)
	mapFile(t, at, mib, fd, 0)
	put(at, 1)
	must(t, unix.Close(fd))
	want(t, "the mapping", at, 1)
	put(at+mib-1, 2)
}

// TestEnd_AnyLength: a memory file can be made as long as any, and takes no memory for
// it, whatever is free: its length is a number (Pool's sparse files, arena's steps).
func TestEnd_AnyLength(t *testing.T) {
	fd := memfd(t, 0)
	must(t, unix.Ftruncate(fd, 16<<40))
	if n := blocks(t, fd); n != 0 {
		t.Errorf("%d bytes of memory", n)
	}
	at := reserve(t, mib, 0)
	mapFile(t, at, page, fd, 16<<40-int64(page))
	put(at+page-1, 1)
	if n := blocks(t, fd); n == 0 || n > int64(4*huge) {
		t.Errorf("%d bytes of memory after a touch of one", n)
	}
}

// TestSealShrink_ForbidsCuttingOnly: a sealed file cannot be made shorter, by nobody and
// through no descriptor; it can be made longer, and given back in the middle. It is
// what lets nobody's mapping fault (memfile.New, Arena.File, Decommit).
func TestSealShrink_ForbidsCuttingOnly(t *testing.T) {
	fd, at := memfd(t, 2*mib), reserve(t, 4*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
	must(t, err) // MFD_ALLOW_SEALING came with memfd_create.
	other, err := unix.Dup(fd)
	must(t, err)
	defer unix.Close(other)
	for _, d := range []int{fd, other} {
		wantErrno(t, "ftruncate to less", errnoOf(unix.Ftruncate(d, mib)), unix.EPERM)
	}
	must(t, unix.Ftruncate(other, 4*mib))
	put(at+4*mib-1, 1)
	put(at, 2)
	must(t, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, mib))
	want(t, "what was punched", at, 0)
	want(t, "the rest", at+4*mib-1, 1)
	if sys.Seals(other)&sys.SealShrink == 0 {
		t.Error("F_GET_SEALS does not tell")
	}
}

// TestPunch_IsSeenThroughEveryMapping: a hole reads as zero in all mappings at once, the
// memory is gone and the length stays; at its edges bytes are cleared (Arena.Decommit,
// Trim, Pool).
func TestPunch_IsSeenThroughEveryMapping(t *testing.T) {
	for name, punch := range map[string]func(fd int, at, off, n uintptr) error{
		"fallocate": func(fd int, _, off, n uintptr) error { return sys.Punch(fd, int64(off), int64(n)) },
		"MADV_REMOVE": func(_ int, at, off, n uintptr) error {
			off, n = (off+page-1)&^(page-1), n&^(page-1) // Whole pages only.
			return sys.Advise(at+off, n, unix.MADV_REMOVE)
		},
	} {
		t.Run(name, func(t *testing.T) {
			fd, at := memfd(t, 4*mib), reserve(t, 8*mib, 0)
			mapFile(t, at, 4*mib, fd, 0)
			mapFile(t, at+4*mib, 4*mib, fd, 0)
			for off := uintptr(0); off < 4*mib; off += page {
				put(at+off, 1)
				put(at+off+page-1, 2)
			}
			had := blocks(t, fd)
			off, n := mib+page/2, uintptr(mib)
			must(t, punch(fd, at, off, n))
			for _, alias := range []uintptr{at, at + 4*mib} {
				want(t, "before the hole", alias+mib, 1)
				want(t, "in the hole", alias+mib+page, 0)
				want(t, "at its end", alias+2*mib-1, 0)
				want(t, "behind it", alias+2*mib+page, 1)
			}
			if name == "fallocate" {
				want(t, "the edge, cleared", at+mib+page-1, 0)
				want(t, "the edge, kept", at+2*mib+page-1, 2)
			}
			if now := blocks(t, fd); now > had-mib+int64(16*page) {
				t.Errorf("%d bytes of memory, there were %d", now, had)
			}
			info, err := sys.Stat(fd)
			must(t, err)
			if info.Size != 4*mib {
				t.Errorf("%d bytes long", info.Size)
			}
			put(at+4*mib+mib+page, 3) // A touch brings the page back, for all.
			want(t, "after a new touch", at+mib+page, 3)
		})
	}
}

// TestDontNeed_KeepsWhatIsShared: dropping page tables of a file's mapping loses nothing:
// the next touch takes the pages from the file again. Windows are dropped that way
// before they are unmapped (Window.dropPages).
func TestDontNeed_KeepsWhatIsShared(t *testing.T) {
	fd, at := memfd(t, 4*mib), reserve(t, 4*mib, 0)
	mapFile(t, at, 4*mib, fd, 0)
	put(at+mib, 7)
	must(t, sys.Advise(at, 4*mib, sys.AdviseDontNeed))
	if v := vmas(t, at, 4*mib); len(v) != 1 || v[0].kb["Rss"] != 0 {
		t.Errorf("still mapped: %+v", v)
	}
	want(t, "the file", at+mib, 7)
}

// TestFallocate_TakesTheMemory: memory that was promised is there: touching it changes
// nothing in the file, and the length stays with KEEP_SIZE (Options.Commit,
// sys.Allocate).
func TestFallocate_TakesTheMemory(t *testing.T) {
	fd, at := memfd(t, 4*mib), reserve(t, 4*mib, 0)
	must(t, sys.Allocate(fd, mib, mib))
	had := blocks(t, fd)
	if had < mib {
		t.Errorf("%d bytes of memory", had)
	}
	mapFile(t, at, 4*mib, fd, 0)
	for off := uintptr(mib); off < 2*mib; off += page {
		want(t, "fresh memory", at+off, 0)
		put(at+off, 1)
	}
	if now := blocks(t, fd); now != had {
		t.Errorf("%d bytes of memory after touching, %d before", now, had)
	}
	must(t, sys.Allocate(fd, 8*mib, int64(page))) // Beyond the end.
	info, err := sys.Stat(fd)
	must(t, err)
	if info.Size != 4*mib {
		t.Errorf("%d bytes long", info.Size)
	}
}
