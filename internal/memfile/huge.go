package memfile

import (
	"errors"
	"os"

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

// Advise tells the kernel about huge pages in [addr, addr+n), which was just
// mapped.
func (h HugePages) Advise(addr uintptr, n int) {
	// A kernel without huge pages refuses, and nothing changes. Given with each tail,
	// else the parts would not merge into one VMA.
	switch h {
	case HugeAlways:
		_ = sys.Advise(addr, uintptr(n), sys.AdviseHugePage)
	case HugeNever:
		_ = sys.Advise(addr, uintptr(n), sys.AdviseNoHugePage)
	}
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
	if err := sys.Allocate(fd, off, int64(os.Getpagesize())); err != nil {
		return false, err
	}
	err = sys.Advise(addr, ExtentSize, sys.AdviseCollapse)
	if errors.Is(err, sys.EAGAIN) {
		return false, nil
	}
	return err == nil, err
}

// IsMemory reports whether err of MakeHuge says that there is no memory. At a
// memory cgroup's limit MADV_COLLAPSE says so, with EBUSY, and is the only call
// that does: the others end in the OOM killer.
func IsMemory(err error) bool {
	return errors.Is(err, sys.EBUSY) || errors.Is(err, sys.ENOMEM) || errors.Is(err, sys.ENOSPC)
}
