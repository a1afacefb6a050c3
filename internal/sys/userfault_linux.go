//go:build !portable

package sys

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/userfaultfd.h and linux/fs.h, which x/sys has not.
const (
	uffdUserModeOnly = 1    // UFFD_USER_MODE_ONLY: what needs no privilege; Linux 5.11
	uffdAPI          = 0xaa // UFFD_API, and the kind of its ioctls

	uffdEventRemap    = 1 << 2  // UFFD_FEATURE_EVENT_REMAP
	uffdWPShared      = 1 << 12 // UFFD_FEATURE_WP_HUGETLBFS_SHMEM
	uffdWPUnpopulated = 1 << 13 // UFFD_FEATURE_WP_UNPOPULATED
	uffdWPAsync       = 1 << 15 // UFFD_FEATURE_WP_ASYNC: the kernel resolves the faults; Linux 6.7

	uffdRegisterWP = 1 << 1 // UFFDIO_REGISTER_MODE_WP

	pageWPAllowed = 1 << 0 // PAGE_IS_WPALLOWED
	pageWritten   = 1 << 1 // PAGE_IS_WRITTEN
	pagePresent   = 1 << 3 // PAGE_IS_PRESENT
	pageSwapped   = 1 << 4 // PAGE_IS_SWAPPED: also what is only a mark that nothing there was written

	scanProtect = 1 << 0 // PM_SCAN_WP_MATCHING
	scanWatched = 1 << 1 // PM_SCAN_CHECK_WPASYNC
)

type uffdRange struct{ start, len uint64 }

type uffdRegister struct {
	uffdRange
	mode, ioctls uint64
}

// scanArg is struct pm_scan_arg.
type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages uint64
	inverted, mask, anyOf, returned                         uint64
}

// PageRun is a run of pages that ScanPages has found: struct page_region.
type PageRun struct {
	Start, End uint64 // addresses
	_          uint64
}

// NewPageRuns returns room for n runs on the heap: ScanPages gives their address to the kernel as
// a number, which would not follow a stack that moves.
//
//go:noinline
func NewPageRuns(n int) []PageRun { return make([]PageRun, n) }

// Pages says which pages ScanPages looks for.
type Pages uint8

// The pages of memory that is watched.
const (
	PagesWritten Pages = iota // written since they were protected, or never protected; on older kernels only where there is a page table
	PagesAbsent               // neither protected nor there
	PagesPeek                 // those of PagesWritten, which are left as they are
)

// Watch opens what notes writes to memory: a userfaultfd with asynchronous write
// protection, for which no privilege is needed. It closes on exec. Linux 6.7.
func Watch() (fd int, err error) { return watch(0, 0) }

// WatchMoving is Watch for memory whose page tables are moved. They take along what watches them, so that whole tables
// move, and not page by page without protection, which takes 10 to 20 ms for each GiB. Who moves them (Remap) waits until TakeMove is called.
func WatchMoving() (fd int, err error) { return watch(uffdEventRemap, unix.O_NONBLOCK) }

// TakeMove waits until somebody moves page tables of memory that is watched by WatchMoving, for some milliseconds at
// most, and lets him go on.
func TakeMove(fd int) {
	// Without the hook: if these could fail he would wait for good.
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10); err == nil && n > 0 {
		var event [32]byte // struct uffd_msg
		_, _ = unix.Read(fd, event[:])
	}
}

func watch(features uint64, flags uintptr) (fd int, err error) {
	err = retry(CallUserfaultfd, func() error {
		n, _, e := unix.Syscall(unix.SYS_USERFAULTFD, uffdUserModeOnly|unix.O_CLOEXEC|flags, 0, 0)
		if e != 0 {
			return e
		}
		fd = int(n)
		return nil
	})
	if err != nil {
		return -1, err
	}
	api := struct{ api, features, ioctls uint64 }{uffdAPI, uffdWPShared | uffdWPUnpopulated | uffdWPAsync | features, 0}
	if err := ioctl(CallUffdAPI, fd, ioc(true, uffdAPI, 0x3f, unsafe.Sizeof(api)), unsafe.Pointer(&api)); err != nil { // safety: api is alive for the call.
		_ = Close(fd)
		return -1, err
	}
	return fd, nil
}

// WatchRange has fd note writes to [addr, addr+n), which is mapped: all of it counts as
// written. What is watched already stays as it is. EBUSY means that another userfaultfd has it.
func WatchRange(fd int, addr, n uintptr) error {
	r := uffdRegister{uffdRange: uffdRange{uint64(addr), uint64(n)}, mode: uffdRegisterWP}
	return ioctl(CallUffdRegister, fd, ioc(true, uffdAPI, 0x00, unsafe.Sizeof(r)), unsafe.Pointer(&r)) // safety: r is alive for the call.
}

// ClearRange ends all protection in [addr, addr+n), which is watched: all of it counts as written.
func ClearRange(fd int, addr, n uintptr) error {
	r := struct {
		uffdRange
		mode uint64
	}{uffdRange: uffdRange{uint64(addr), uint64(n)}}
	return ioctl(CallUffdProtect, fd, ioc(true, uffdAPI, 0x06, unsafe.Sizeof(r)), unsafe.Pointer(&r)) // safety: r is alive for the call.
}

// UnwatchRange ends that, and clears all protection, which takes some 40 ms for each GiB of
// small pages. Closing fd does so for all of its ranges.
func UnwatchRange(fd int, addr, n uintptr) error {
	r := uffdRange{uint64(addr), uint64(n)}
	return ioctl(CallUffdUnregister, fd, ioc(false, uffdAPI, 0x01, unsafe.Sizeof(r)), unsafe.Pointer(&r)) // safety: r is alive for the call.
}

// Pagemap opens what tells about the pages of this process.
func Pagemap() (fd int, err error) {
	err = retry(CallOpen, func() (err error) {
		fd, err = unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("/proc/self/pagemap: %w", err)
	}
	return fd, nil
}

// ScanPages finds pages of [start, end), which is watched, and returns how many runs it has
// put into runs and how far it has come: less than end where they are full. What is found is protected in the
// same step, so that no write is lost, but for PagesPeek. After an error any of them may be, and nobody
// has been told. EPERM means that some of the range is mapped and not watched; what is not
// mapped is left out.
//
// Preconditions: runs are of NewPageRuns.
func ScanPages(pagemap int, start, end uintptr, what Pages, runs []PageRun) (n int, at uintptr, err error) {
	arg := scanArg{
		flags: scanWatched | scanProtect, start: uint64(start), end: uint64(end),
		vec: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(runs)))), vecLen: uint64(len(runs)), // safety: on the heap, and alive for the call.
	}
	arg.size = uint64(unsafe.Sizeof(arg))
	switch what {
	case PagesWritten:
		arg.mask, arg.returned = pageWritten, pageWritten
	case PagesPeek:
		arg.flags, arg.mask, arg.returned = scanWatched, pageWritten, pageWritten
	case PagesAbsent:
		arg.inverted, arg.mask, arg.returned = pagePresent|pageSwapped, pagePresent|pageSwapped, pageWPAllowed
	}
	err = retry(CallPagemapScan, func() error {
		got, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(pagemap), ioc(true, 'f', 16, unsafe.Sizeof(arg)), uintptr(unsafe.Pointer(&arg))) // safety: arg is alive for the call.
		if e != 0 {
			return e
		}
		n = int(got)
		return nil
	})
	runtime.KeepAlive(runs)
	if err != nil {
		return 0, start, err
	}
	return n, uintptr(arg.walkEnd), nil
}

// IsMapped returns nil if all of [addr, addr+n) is mapped, whatever it is, and ENOMEM if not.
func IsMapped(addr, n uintptr) error {
	return retry(CallMsync, func() error {
		_, _, e := unix.Syscall(unix.SYS_MSYNC, addr, n, unix.MS_ASYNC) // Of pages it does nothing.
		if e != 0 {
			return e
		}
		return nil
	})
}

// ioctl makes call c, which is an ioctl.
func ioctl(c Call, fd int, request uintptr, arg unsafe.Pointer) error {
	return retry(c, func() error {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)) // safety: the caller keeps arg alive.
		if e != 0 {
			return e
		}
		return nil
	})
}

// ioc is _IOWR or, if it only reads, _IOR of asm/ioctl.h.
func ioc(write bool, kind, number, size uintptr) uintptr {
	direction, shift := uintptr(2), 30
	if write {
		direction |= 1
	}
	switch runtime.GOARCH {
	case "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "sparc64":
		direction, shift = 2, 29
		if write {
			direction |= 4
		}
	}
	return direction<<shift | size<<16 | kind<<8 | number
}
