package pool

import (
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
)

// Options say how to make a [Pool]. The zero value works.
type Options struct {
	// Name appears in errors and in /proc/self/maps. "" means "pool".
	Name string

	// Band is the address space of one buffer, a power of two from 64 KiB to
	// 1 GiB: up to Room, some 15/16 of it, a buffer grows where it is.
	// 0 means 16 MiB.
	Band int

	// Reserve is the address space of the first bands, in bytes, for where there are very
	// many pools of few buffers each. The next are eight times as long as all before, up
	// to 64 GiB. 0 means 64 GiB, or 64 MiB where addresses have 32 bits.
	Reserve int

	// Limit is the most that all buffers' lengths may sum up to, in bytes;
	// beyond is ErrFull. 0 means no limit but the system's.
	Limit int

	// Keep bounds the memory of freed buffers that is kept to be handed out
	// again. 0 means 64 MiB, a negative number none.
	Keep int

	// HugePages says how to use huge pages: HugeAuto, HugeNever or HugeAlways. With
	// HugeAuto, the zero value, a buffer of 2 MiB or more that is full when it grows
	// gets the memory of what is added at once, in huge pages, which takes a tenth of
	// the time of page faults. At most as many bytes are prepared as the buffer had in use. What a buffer begins with is left to page faults, unless it
	// is longer than Room and follows within a second one that was full. With HugeNever
	// all is left to them.
	HugePages arena.HugePages

	// NoGuards leaves out the guard page between bands. With guards, where the
	// kernel has them without VMAs (Linux 6.15), running over the end of a band
	// faults; the first use of a band costs a system call for it.
	NoGuards bool

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space
}

// checkHuge panics if o does not say how a pool can use huge pages.
func (o *Options) checkHuge() {
	if o.HugePages > arena.HugeAlways {
		panic(fmt.Sprintf("pool: make %q: HugePages is %d: the file of a pool cannot come from the hugetlb pool", o.Name, o.HugePages))
	}
}
