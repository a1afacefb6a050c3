//go:build !portable

package sys

import (
	"errors"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Portable reports that memory files are emulated: see portable.go.
const Portable = false

// Protections of a mapping.
const (
	ProtNone  = unix.PROT_NONE
	ProtRead  = unix.PROT_READ
	ProtWrite = unix.PROT_WRITE
)

// Advice for Advise; see madvise(2).
const (
	AdviseDontNeed      = unix.MADV_DONTNEED       // drop page tables; a shared file's content stays
	AdviseDontDump      = unix.MADV_DONTDUMP       // leave out of core dumps
	AdviseDoDump        = unix.MADV_DODUMP         // and in again
	AdviseHugePage      = unix.MADV_HUGEPAGE       // huge pages where shmem_enabled is advise
	AdviseNoHugePage    = unix.MADV_NOHUGEPAGE     // none
	AdvisePopulateRead  = unix.MADV_POPULATE_READ  // map what the file has; Linux 5.14
	AdvisePopulateWrite = unix.MADV_POPULATE_WRITE // allocate and map; Linux 5.14
	AdviseRemove        = unix.MADV_REMOVE         // punch a hole into the mapped file
	AdviseCollapse      = 25                       // MADV_COLLAPSE: make huge pages now; Linux 6.1, not in x/sys for all architectures
	AdviseGuardInstall  = 102                      // MADV_GUARD_INSTALL: fault on touch, no VMA; Linux 6.13, shared files 6.15
	AdviseGuardRemove   = 103                      // MADV_GUARD_REMOVE
)

const reserveFlags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE

// noReplace is a variable so that a test can make the kernel an old one, which
// does not know the flag.
var noReplace = unix.MAP_FIXED_NOREPLACE

// Reserve makes [addr, addr+n) a range of ours that faults when touched: None
// → Reserved. With addr 0 the kernel chooses the place. The result is compared
// with addr, because kernels before 4.17 take MAP_FIXED_NOREPLACE for a mere
// hint and 4.17 and 4.18 checked only its start; what lies elsewhere is undone.
// EEXIST means that somebody else is there.
func Reserve(addr, n uintptr) (uintptr, error) {
	flags := reserveFlags
	if addr != 0 {
		flags |= noReplace
	}
	got, e := mmap(addr, n, ProtNone, flags, -1, 0)
	if e != 0 {
		return 0, result(CallMmap, e)
	}
	if addr != 0 && got != addr {
		if err := Unmap(got, n); err != nil {
			return 0, err
		}
		return 0, result(CallMmap, unix.EEXIST)
	}
	return got, nil
}

// Cover maps inaccessible memory over [addr, addr+n) and thereby takes away
// whatever is mapped there: → Reserved. It can fail with ENOMEM when the
// process has reached vm.max_map_count, and then changes nothing.
func Cover(addr, n uintptr) error {
	_, e := mmap(addr, n, ProtNone, reserveFlags|unix.MAP_FIXED, -1, 0)
	return result(CallMmap, e)
}

// MapShared maps [off, off+n) of fd over [addr, addr+n): Reserved → Mapped.
func MapShared(addr, n uintptr, fd int, off int64, prot int) error {
	return MapSharedWith(addr, n, fd, off, prot, 0)
}

// MapSharedWith is MapShared with more flags, which MapFlagsFit allows. Neighbours merge
// into one VMA only if theirs are equal.
func MapSharedWith(addr, n uintptr, fd int, off int64, prot, flags int) error {
	shared := unix.MAP_SHARED
	if flags&mapSync != 0 { // Without it MAP_SYNC is ignored.
		shared = unix.MAP_SHARED_VALIDATE
	}
	_, e := mmap(addr, n, prot, shared|unix.MAP_NORESERVE|unix.MAP_FIXED|flags, fd, off)
	return result(CallMmap, e)
}

// mapSync is MAP_SYNC, which x/sys has not for all architectures.
const mapSync = 0x80000

// MapFlagsFit reports whether all of flags may be given to the mapping of a shared file in
// a place of ours: they say nothing about where it lies, nor of what it is.
func MapFlagsFit(flags int) bool {
	return flags&^(unix.MAP_NORESERVE|unix.MAP_POPULATE|unix.MAP_NONBLOCK|mapSync) == 0
}

// AdviceFits reports whether advice may be given for a mapping that others read and write: it
// changes no byte, and makes no access fail.
func AdviceFits(advice int) bool {
	switch advice {
	case unix.MADV_NORMAL, unix.MADV_RANDOM, unix.MADV_SEQUENTIAL, unix.MADV_WILLNEED,
		unix.MADV_DONTFORK, unix.MADV_DOFORK, AdviseHugePage, AdviseNoHugePage, AdviseDontDump, AdviseDoDump,
		unix.MADV_COLD, unix.MADV_PAGEOUT, AdvisePopulateRead, AdvisePopulateWrite, AdviseCollapse:
		return true
	}
	return false
}

// RemapKeep leaves the old place mapped to the same file: the page tables move, so
// the new place is populated and the old one refaults lazily. Both are of the same
// size, and the old one is one VMA. Linux 5.13 for shared files (a4609387859f).
const RemapKeep = unix.MREMAP_DONTUNMAP

// Remap moves the mapping of [old, old+oldSize) over [to, to+newSize), which it unmaps
// first. An oldSize of 0 leaves the old place as it is and maps the same pages of
// shared memory a second time.
func Remap(old, oldSize, newSize, to uintptr, flags int) error {
	e := injected(CallMremap)
	if e == 0 {
		_, _, e = unix.Syscall6(unix.SYS_MREMAP, old, oldSize, newSize,
			uintptr(unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED|flags), to, 0)
	}
	return result(CallMremap, e)
}

// Unmap gives [addr, addr+n) back: → None. Unmapping the middle of a VMA fails
// with ENOMEM at vm.max_map_count; unmapping whole VMAs does not.
func Unmap(addr, n uintptr) error {
	e := injected(CallMunmap)
	if e == 0 {
		_, _, e = unix.Syscall(unix.SYS_MUNMAP, addr, n, 0)
	}
	return result(CallMunmap, e)
}

// Protect sets the protection of [addr, addr+n).
func Protect(addr, n uintptr, prot int) error {
	e := injected(CallMprotect)
	if e == 0 {
		_, _, e = unix.Syscall(unix.SYS_MPROTECT, addr, n, uintptr(prot))
	}
	return result(CallMprotect, e)
}

// Advise tells the kernel about [addr, addr+n).
func Advise(addr, n uintptr, advice int) error {
	for {
		e := injected(CallMadvise)
		if e == 0 {
			_, _, e = unix.Syscall(unix.SYS_MADVISE, addr, n, uintptr(advice))
		}
		if e != unix.EINTR {
			return result(CallMadvise, e)
		}
	}
}

// Resident counts the pages of [addr, addr+n) that have memory: of a file, in the
// file, whoever touched it there and through whichever mapping.
func Resident(addr, n uintptr) (int, error) {
	var vec [512]byte
	page := uintptr(unix.Getpagesize())
	count := 0
	for n > 0 {
		part := min(n, uintptr(len(vec))*page)
		for {
			e := injected(CallMincore)
			if e == 0 {
				_, _, e = unix.Syscall(unix.SYS_MINCORE, addr, part, uintptr(unsafe.Pointer(&vec))) // safety: vec is alive for the call.
			}
			if e == 0 {
				break
			}
			if e != unix.EAGAIN { // The kernel's own buffer: for a moment.
				return 0, result(CallMincore, e)
			}
		}
		for _, v := range vec[:(part+page-1)/page] {
			count += int(v & 1)
		}
		addr, n = addr+part, n-part
	}
	return count, nil
}

// nameMax is the longest name PR_SET_VMA_ANON_NAME takes (prctl(2): 80 bytes
// with the final zero).
const nameMax = 79

// Name shows name for the anonymous range [addr, addr+n) in /proc/self/maps.
// Linux 5.17 with CONFIG_ANON_VMA_NAME; an error changes nothing but that.
func Name(addr, n uintptr, name string) error {
	e := injected(CallPrctl)
	if e == 0 {
		p, err := unix.BytePtrFromString(printable(name, nameMax))
		if err != nil {
			return err
		}
		_, _, e = unix.Syscall6(unix.SYS_PRCTL, unix.PR_SET_VMA, unix.PR_SET_VMA_ANON_NAME,
			addr, n, uintptr(unsafe.Pointer(p)), 0) // safety: p is alive for the call.
	}
	return result(CallPrctl, e)
}

// printable returns name with what the kernel refuses in a VMA's name (control
// bytes and \`$[]; see mm/madvise.c is_valid_name_char) replaced, cut to n bytes.
func printable(name string, n int) string {
	clean := []byte(name)
	for i, c := range clean {
		if c < 0x20 || c > 0x7e || strings.IndexByte("\\`$[]", c) >= 0 {
			clean[i] = '_'
		}
	}
	return string(clean[:min(n, len(clean))])
}

// IsLimit reports whether err says that the kernel has no room or no memory
// left, in contrast to a call that was wrong or is not supported.
func IsLimit(err error) bool { return errors.Is(err, syscall.ENOMEM) }
