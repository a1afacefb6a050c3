//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

const noReplace = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE | unix.MAP_FIXED_NOREPLACE

// needNoReplace skips where MAP_FIXED_NOREPLACE is taken for a hint: sys.Reserve
// compares the address there.
func needNoReplace(t *testing.T) {
	t.Helper()
	at := reserve(t, mib, 0)
	got, e := mmap(at, page, unix.PROT_NONE, noReplace, -1, 0)
	if e == 0 {
		must(t, sys.Unmap(got, page))
		t.Skip("no MAP_FIXED_NOREPLACE (Linux 4.17)")
	}
}

// TestNoReplace_TakesOnlyWhatIsFree: a mapping is made exactly where it was asked for, or
// is EEXIST and nothing has changed, however the two overlap. Every window is reserved
// with that (sys.Reserve), beside strangers who do not ask. The cases are the kernel's
// own (tools/testing/selftests/mm/map_fixed_noreplace.c).
func TestNoReplace_TakesOnlyWhatIsFree(t *testing.T) {
	needNoReplace(t)
	start := reserve(t, mib, 0)
	free := func() { must(t, sys.Unmap(start, 16*page)) }
	free()
	base := start + 5*page
	take := func(what string, addr, n uintptr, want syscall.Errno) {
		t.Helper()
		got, e := mmap(addr, n, unix.PROT_NONE, noReplace, -1, 0)
		wantErrno(t, what, e, want)
		if e == 0 && got != addr {
			t.Errorf("%s: mapped at %#x, not %#x", what, got, addr)
			must(t, sys.Unmap(got, n))
		}
	}
	take("five pages at base", base, 5*page, 0)
	free()
	take("three pages in the middle", base+page, 3*page, 0)
	take("all around them", base, 5*page, unix.EEXIST)
	take("exactly them", base+page, 3*page, unix.EEXIST)
	take("one of them", base+2*page, page, unix.EEXIST)
	take("over their start", base, 2*page, unix.EEXIST)
	take("over their end", base+3*page, 2*page, unix.EEXIST)
	take("right before", base, page, 0)
	take("right behind", base+4*page, page, 0)
	take("within a page", base+7*page+1, page, unix.EINVAL)
	free()
	take("the whole again", start, 16*page, 0)
}

// TestNoReplace_BeyondTheAddressSpace is ENOMEM, by which a Space finds out which zones
// exist (Space.alive).
func TestNoReplace_BeyondTheAddressSpace(t *testing.T) {
	needNoReplace(t)
	for _, bits := range []int{57, 60, 62} {
		addr := uintptr(1)<<bits - page
		if got, e := mmap(addr, page, unix.PROT_NONE, noReplace, -1, 0); e == 0 {
			must(t, sys.Unmap(got, page))
			if got != addr {
				t.Errorf("2^%d: mapped at %#x", bits, got)
			}
		} else {
			wantErrno(t, "mmap beyond", e, unix.ENOMEM)
		}
	}
}

// TestHint_IsMoved: without the flag an address that is taken is a wish, silently not
// granted. So old kernels take the flag, and so the address is compared (sys.Reserve).
func TestHint_IsMoved(t *testing.T) {
	at := reserve(t, mib, 0)
	got, e := mmap(at, page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, 0)
	if e != 0 {
		t.Fatal(e)
	}
	must(t, sys.Unmap(got, page))
	if got == at {
		t.Errorf("%#x was taken, and was mapped there", at)
	}
}

// TestFixed_ReplacesInOneStep: mapping over a range of ours needs no unmapping before, so
// there is no moment at which a stranger could come in between (sys.Cover, sys.MapShared).
// What is in the file stays.
func TestFixed_ReplacesInOneStep(t *testing.T) {
	fd, at := memfd(t, mib), reserve(t, 2*mib, 0)
	mapFile(t, at, mib, fd, 0)
	put(at, 1)
	must(t, sys.Cover(at, mib))
	if !faults(t, at, false) || !faults(t, at+mib-1, true) {
		t.Error("what is covered does not fault")
	}
	mapFile(t, at+mib, mib, fd, 0)
	want(t, "the file", at+mib, 1)
}

// TestProtNone_FaultsAndIsEFAULT: what is Reserved faults when touched, at the very
// address, and is EFAULT where the kernel touches it (package addrspace, states).
func TestProtNone_FaultsAndIsEFAULT(t *testing.T) {
	fd, at := memfd(t, mib), reserve(t, 2*mib, 0)
	for _, write := range []bool{false, true} {
		if !faults(t, at+4711, write) {
			t.Errorf("write %v: no fault", write)
		}
	}
	_, _, e := unix.Syscall6(unix.SYS_PREAD64, uintptr(fd), at, 10, 0, 0, 0)
	wantErrno(t, "pread into it", e, unix.EFAULT)
}
