//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30

	huge = 2 * mib

	readWrite = unix.PROT_READ | unix.PROT_WRITE
	moveKeep  = unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED | unix.MREMAP_DONTUNMAP
)

var page = uintptr(os.Getpagesize())

func TestMain(m *testing.M) { testutil.Main(m, nil) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// memfd returns a sealable memory file of n bytes, which is closed in the end.
func memfd(t *testing.T, n int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("conformance", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	must(t, err)
	t.Cleanup(func() { must(t, unix.Close(fd)) })
	must(t, unix.Ftruncate(fd, n))
	return fd
}

// reserve returns the address of n inaccessible bytes that lie as much off a multiple
// of 1 GiB as is asked for, and are given back in the end.
func reserve(t *testing.T, n, off uintptr) uintptr {
	t.Helper()
	all := n + 2*gib
	start, err := sys.Reserve(0, all)
	must(t, err)
	t.Cleanup(func() { must(t, sys.Unmap(start, all)) })
	return (start+gib-1)&^(gib-1) + off
}

// mmap is mmap(2).
func mmap(addr, n uintptr, prot, flags, fd int, off int64) (uintptr, syscall.Errno) {
	got, _, e := unix.Syscall6(unix.SYS_MMAP, addr, n, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off))
	return got, e
}

// mapFile maps the file over [addr, addr+n), as the library does.
func mapFile(t *testing.T, addr, n uintptr, fd int, off int64) {
	t.Helper()
	must(t, sys.MapShared(addr, n, fd, off, readWrite))
}

// mremap is mremap(2).
func mremap(from, n, to, newLen uintptr, flags int) syscall.Errno {
	_, _, e := unix.Syscall6(unix.SYS_MREMAP, from, n, newLen, uintptr(flags), to, 0)
	return e
}

// errnoOf returns the errno that err wraps, or 0.
func errnoOf(err error) (e syscall.Errno) {
	errors.As(err, &e)
	return e
}

// at returns the byte at addr, which must be mapped by the test.
func at(addr uintptr) *byte { return (*byte)(sys.Pointer(addr)) }

// put writes b at addr.
func put(addr uintptr, b byte) { *at(addr) = b }

// want checks the byte at addr.
func want(t *testing.T, what string, addr uintptr, b byte) {
	t.Helper()
	if got := *at(addr); got != b {
		t.Errorf("%s: %d, want %d", what, got, b)
	}
}

// wantErrno checks that a call has returned one of some errnos.
func wantErrno(t *testing.T, what string, e syscall.Errno, want ...syscall.Errno) {
	t.Helper()
	if !slices.Contains(want, e) {
		t.Errorf("%s: %v, want %v", what, e, want)
	}
}

// faults reports whether a touch of addr faults, and checks that it is there.
func faults(t *testing.T, addr uintptr, write bool) (fault bool) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			if f.Addr() != addr {
				t.Errorf("a touch of %#x faults at %#x", addr, f.Addr())
			}
			fault = true
		}
	}()
	if write {
		*at(addr) = 1
	} else {
		sink = *at(addr)
	}
	return false
}

var sink byte

// needMoveKeep skips where page tables cannot be moved while the old place stays
// mapped: the library maps files a second time then.
func needMoveKeep(t *testing.T) {
	t.Helper()
	fd, addr := memfd(t, int64(huge)), reserve(t, 2*huge, 0)
	mapFile(t, addr, huge, fd, 0)
	if e := mremap(addr, huge, addr+huge, huge, moveKeep); e != 0 {
		t.Skipf("no MREMAP_DONTUNMAP of shared memory (Linux 5.13): %v", e)
	}
}

// need skips where the kernel does not know some advice.
func need(t *testing.T, advice int, name string) {
	t.Helper()
	fd, addr := memfd(t, int64(huge)), reserve(t, huge, 0)
	mapFile(t, addr, huge, fd, 0)
	put(addr, 1)
	if err := sys.Advise(addr, huge, advice); err != nil {
		t.Skipf("no %s: %v", name, err)
	}
}

// resident returns how many pages of [addr, addr+n) are in memory, by mincore(2).
func resident(t *testing.T, addr, n uintptr) (count int) {
	t.Helper()
	vec := make([]byte, n/page)
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, addr, n, uintptr(unsafe.Pointer(&vec[0]))); e != 0 {
		t.Fatal(e)
	}
	for _, v := range vec {
		count += int(v & 1)
	}
	return count
}

// blocks returns the bytes of memory a file holds.
func blocks(t *testing.T, fd int) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	return st.Blocks * 512
}

// vma is an entry of /proc/self/smaps.
type vma struct {
	start, end uintptr
	kb         map[string]int // its sizes, in KiB
	flags      []string
}

// vmas returns the VMAs in [addr, addr+n).
func vmas(t *testing.T, addr, n uintptr) (found []vma) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	must(t, err)
	defer f.Close()
	var v *vma
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, rest, _ := strings.Cut(lines.Text(), " ")
		if lo, hi, isRange := strings.Cut(key, "-"); isRange {
			start, err1 := strconv.ParseUint(lo, 16, 64)
			end, err2 := strconv.ParseUint(hi, 16, 64)
			if err1 != nil || err2 != nil {
				t.Fatalf("smaps: %q", lines.Text())
			}
			v = nil
			if uintptr(start) < addr+n && uintptr(end) > addr {
				found = append(found, vma{start: uintptr(start), end: uintptr(end), kb: make(map[string]int)})
				v = &found[len(found)-1]
			}
			continue
		}
		switch {
		case v == nil:
		case key == "VmFlags:":
			v.flags = strings.Fields(rest)
		default:
			var kb int
			if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%d kB", &kb); err == nil {
				v.kb[strings.TrimSuffix(key, ":")] = kb
			}
		}
	}
	return found
}

// wantVMAs checks how many VMAs there are in [addr, addr+n).
func wantVMAs(t *testing.T, what string, addr, n uintptr, count int) {
	t.Helper()
	if found := vmas(t, addr, n); len(found) != count {
		t.Errorf("%s: %d VMAs, want %d: %+v", what, len(found), count, found)
	}
}
