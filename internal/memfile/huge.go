package memfile

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// HugePages says how huge pages are used; package arena documents the values.
type HugePages uint8

// See package arena.
const (
	HugeAuto HugePages = iota
	HugeNever
	HugeAlways
	HugeTLB2M
	HugeTLB1G
)

// reserved is the size of pages of the reserved pool, 0 for those that are none.
func (h HugePages) reserved() int {
	switch h {
	case HugeTLB2M:
		return 2 << 20
	case HugeTLB1G:
		return 1 << 30
	}
	return 0
}

// Advise tells the kernel about huge pages in [addr, addr+n), which was just
// mapped.
func (h HugePages) Advise(addr uintptr, n int) {
	// A kernel without huge pages refuses, and nothing changes. Given with each tail,
	// else the parts would not merge into one VMA.
	for _, advice := range h.Advice() {
		_ = sys.Advise(addr, uintptr(n), advice)
	}
}

// Advice is what Advise tells the kernel, for windows that are given advice when they are
// reserved.
func (h HugePages) Advice() []int {
	switch h {
	case HugeAlways:
		return []int{sys.AdviseHugePage}
	case HugeNever:
		return []int{sys.AdviseNoHugePage}
	}
	return nil
}

// MakeHuge makes the extent at off of file fd, which is mapped at addr, one huge
// page, whatever it has of small ones; what is new is zero.
//
// The way to a huge page is to give the extent one small page and to collapse
// it: MADV_COLLAPSE works whatever shmem_enabled says (except deny), does not
// hold up other threads' growth, and zeroes 2 MiB for a fraction of what 512
// page faults cost. The one page comes from fallocate and not from a touch: a
// file system that is full answers with ENOSPC instead of a signal, and nobody's
// bytes are stored to.
//
// The extent stays of small pages, without an error, if somebody is writing there
// at the same time: he takes the pages himself. An error leaves it with what it
// had and at most the one page; IsMemory tells whether memory is what is missing.
//
// Preconditions: off and addr are multiples of ExtentSize.
func MakeHuge(fd int, off int64, addr uintptr) (huge bool, err error) {
	took, huge, err := makeHuge(fd, off, addr)
	if took > 0 {
		market.paidHuge(took)
	}
	return huge, err
}

// makeHuge is MakeHuge that counts for nothing. took is what it has cost, 0 if that is not known.
func makeHuge(fd int, off int64, addr uintptr) (took time.Duration, huge bool, err error) {
	w := begin()
	if err := Allocate(fd, off, addr, os.Getpagesize()); err != nil {
		return 0, false, err
	}
	err = sys.Advise(addr, ExtentSize, sys.AdviseCollapse)
	switch {
	case err == nil:
		return w.end(hugePage), true, nil
	case errors.Is(err, sys.EAGAIN):
		return 0, false, nil
	case errors.Is(err, sys.EBUSY):
		return 0, false, fmt.Errorf("%w: %w", err, errNoRoom)
	}
	return 0, false, err
}

// Allocate gives [off, off+n) of file fd, which is mapped at addr, memory, so that touching
// it cannot fail. Where no form of fallocate is to be had the page tables are filled through the
// mapping, which takes the memory as well. After a failure some of it may have memory.
//
// Preconditions: off, n and addr are multiples of the page size.
func Allocate(fd int, off int64, addr uintptr, n int) error {
	err := sys.Allocate(fd, off, int64(n))
	if !sys.IsDenied(err) {
		return err
	}
	populateErr := sys.Advise(addr, uintptr(n), sys.AdvisePopulateWrite)
	if populateErr == nil {
		return nil
	}
	if sys.IsDenied(populateErr) {
		return fmt.Errorf("%w; %w: this system cannot take memory ahead: do without Options.Commit (or with LinearOptions.Lazy)", err, populateErr)
	}
	return populateErr
}

// Punch makes [off, off+n) of file fd, which is mapped at addr, read as zero, and gives the
// memory of its whole pages back. Nothing outside is touched, also of a page that the range
// begins or ends in. An error has changed nothing; it wraps ErrNoPunch where the file system
// or a filter knows no way to do that; Zero has one that keeps the memory.
func Punch(fd int, off int64, addr uintptr, n int) error {
	err := sys.Punch(fd, off, int64(n))
	if !sys.IsDenied(err) {
		return err
	}
	if addr == 0 {
		return fmt.Errorf("%w: %w", ErrNoPunch, err)
	}
	b, page := bytesAt(sys.Pointer(addr), n), uintptr(os.Getpagesize())
	first, last := (addr+page-1)&^(page-1), (addr+uintptr(n))&^(page-1)
	if first >= last { // There is no whole page.
		clear(b)
		return nil
	}
	switch removeErr := sys.Advise(first, last-first, sys.AdviseRemove); {
	case sys.IsDenied(removeErr):
		return fmt.Errorf("%w: %w; %w", ErrNoPunch, err, removeErr)
	case removeErr != nil:
		return removeErr
	}
	clear(b[:first-addr])
	clear(b[last-addr:])
	return nil
}

// ErrNoPunch means that the memory of a file cannot be given back but by closing it.
var ErrNoPunch = errors.New("memory stays until all is freed: allow fallocate to punch holes here, or madvise MADV_REMOVE")

// Zero makes [off, off+n) of file fd, which is mapped at addr, read as zero: by Punch or,
// where that is not to be had, by storing zeros, and then given is false and the memory
// stays. An error has changed nothing.
func Zero(fd int, off int64, addr uintptr, n int) (given bool, err error) {
	err = Punch(fd, off, addr, n)
	if !errors.Is(err, ErrNoPunch) {
		return err == nil, err
	}
	clear(bytesAt(sys.Pointer(addr), n))
	return false, nil
}

// ExplainMemory adds what to change to an error of taking memory for a file of such pages.
func ExplainMemory(err error, page int) error {
	switch {
	case page >= ExtentSize && IsMemory(err):
		return fmt.Errorf("%w: the reserved pool has too few pages of %d MiB: write how many it is to have to /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages, or use HugeAuto", err, page>>20, page>>10)
	case errors.Is(err, sys.EBUSY) && !errors.Is(err, errNoRoom):
		return fmt.Errorf("%w: %w", err, errNoRoom)
	}
	return explainFull(err)
}

// explainFull adds what to change where a file system is full.
func explainFull(err error) error {
	if errors.Is(err, sys.ENOSPC) || errors.Is(err, sys.EDQUOT) {
		return fmt.Errorf("%w: the file system of the backing file is full, or its user's quota: free some of it, raise the quota, or mount it larger (tmpfs: mount -o remount,size=)", err)
	}
	return err
}

// IsMemory reports whether err of MakeHuge says that there is no memory. At a
// memory cgroup's limit MADV_COLLAPSE says so, with EBUSY, and is the only call
// that does: the others end in the OOM killer.
func IsMemory(err error) bool {
	return errors.Is(err, sys.EBUSY) || errors.Is(err, sys.ENOMEM) || errors.Is(err, sys.ENOSPC)
}
