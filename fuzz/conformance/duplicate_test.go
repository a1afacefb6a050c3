//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

// again is mremap of length 0: a second mapping of what is mapped.
const again = unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED

// needDuplicate skips where the kernel makes no second mapping.
func needDuplicate(t *testing.T) {
	t.Helper()
	fd, addr := memfd(t, int64(page)), reserve(t, 2*huge, 0)
	mapFile(t, addr, page, fd, 0)
	if e := mremap(addr, 0, addr+huge, page, again); e != 0 {
		t.Skipf("no mremap of length 0: %v", e)
	}
}

// TestDuplicate_SharedIsTheSame: a second mapping shows the same bytes, both ways, without a
// descriptor, from any page on, as one VMA, longer than the first, and stays when that is
// unmapped. Followers without descriptors and arena.AliasOf are that (Window.Duplicate,
// MapAlias).
func TestDuplicate_SharedIsTheSame(t *testing.T) {
	needDuplicate(t)
	fd, err := unix.MemfdCreate("conformance", unix.MFD_CLOEXEC)
	must(t, err)
	must(t, unix.Ftruncate(fd, 8*mib))
	from := reserve(t, 32*mib, 0)
	to := from + 16*mib
	mapFile(t, from, 4*mib, fd, 0)
	must(t, unix.Close(fd))
	put(from+3*mib, 3)
	wantErrno(t, "mremap", mremap(from+mib, 0, to, 7*mib, again), 0)
	wantVMAs(t, "the second mapping", to, 7*mib, 1)
	wantVMAs(t, "the first mapping", from, 4*mib, 1)
	want(t, "what was there", to+2*mib, 3)
	put(to+mib, 2)
	want(t, "what was written in the second", from+2*mib, 2)
	put(to+6*mib, 7) // Where the first does not reach.
	must(t, sys.Unmap(from, 4*mib))
	want(t, "when the first is gone", to+2*mib, 3)
	if faults(t, to+7*mib-1, false) {
		t.Error("the last byte of the file faults")
	}
	put(to+7*mib-1, 1)
	from2 := to + 8*mib
	wantErrno(t, "mremap beyond the end of the file", mremap(to, 0, from2, 8*mib, again), 0)
	if !faults(t, from2+7*mib, false) {
		t.Error("what the file does not have can be read")
	}
}

// TestDuplicate_PrivateIsRefused: AliasOf refuses what the kernel refuses, of files as well.
func TestDuplicate_PrivateIsRefused(t *testing.T) {
	needDuplicate(t)
	fd, from := memfd(t, 4*mib), reserve(t, 16*mib, 0)
	to := from + 8*mib
	for _, of := range []int{-1, fd} {
		flags := unix.MAP_PRIVATE | unix.MAP_FIXED
		if of < 0 {
			flags |= unix.MAP_ANONYMOUS
		}
		_, e := mmap(from, mib, readWrite, flags, of, 0)
		wantErrno(t, "mmap", e, 0)
		put(from, 1)
		wantErrno(t, "mremap", mremap(from, 0, to, mib, again), unix.EINVAL)
		want(t, "the source", from, 1)
	}
	must(t, sys.Unmap(from, mib))
	wantErrno(t, "of nothing", mremap(from, 0, to, mib, again), unix.EFAULT)
}

// TestDuplicate_KeepsProtectionAndFlags: what can only be read can only be read in the second
// place, and what was said against core dumps holds there.
func TestDuplicate_KeepsProtectionAndFlags(t *testing.T) {
	needDuplicate(t)
	fd, from := memfd(t, 4*mib), reserve(t, 16*mib, 0)
	to := from + 8*mib
	_, e := mmap(from, 4*mib, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_FIXED, fd, 0)
	wantErrno(t, "mmap", e, 0)
	must(t, sys.Advise(from, 4*mib, sys.AdviseDontDump))
	wantErrno(t, "mremap", mremap(from, 0, to, 4*mib, again), 0)
	if faults(t, to, false) || !faults(t, to, true) {
		t.Error("the second place has another protection")
	}
	wantFlag(t, to, "dd", true)
}

// TestDuplicate_PastSeals: a file that is sealed against new writable mappings has second ones
// of those it has: a sealed writer's window grows that way (mapping.Ladder.NoFile).
func TestDuplicate_PastSeals(t *testing.T) {
	needDuplicate(t)
	fd, from := memfd(t, 8*mib), reserve(t, 32*mib, 0)
	to := from + 16*mib
	mapFile(t, from, 4*mib, fd, 0)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE); err != nil {
		t.Skipf("no F_SEAL_FUTURE_WRITE (Linux 5.1): %v", err)
	}
	_, e := mmap(to, 4*mib, readWrite, unix.MAP_SHARED|unix.MAP_FIXED, fd, 0)
	wantErrno(t, "a new writable mapping", e, unix.EPERM)
	wantErrno(t, "mremap", mremap(from, 0, to, 8*mib, again), 0)
	put(to+7*mib, 7)
	put(to, 1)
	want(t, "what was written in the second place", from, 1)
}
