package stream

import (
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// Options say how to make a [Stream], a [Column] or a [Group]. The zero value works.
type Options struct {
	// Name appears in errors and in /proc/self/maps. "" means "stream", "column" or
	// "group".
	Name string

	// Reserve is the length in bytes of a window (of a Group, of those of all columns
	// together): address space, not memory. At its end the stream goes on in another
	// one, which takes some system calls and copies nothing. Where more is live than
	// half of it windows are twice as long as what is live. 0 means 256 MiB, or
	// twice Limit if that is smaller; a column has 2 MiB at least, whatever is asked for. Where the address space is limited the stream makes
	// do with less.
	Reserve int

	// Limit is the most that may be live in bytes, from Front to what is
	// appended; appending beyond fails with ErrFull until more is dropped. What guards
	// keep of what is dropped does not count. 0 means no limit but the system's.
	Limit int

	// Commit takes memory before it is handed out to be written, so that running out
	// of it is an error and never a signal at a store; see [arena.Options].
	Commit bool

	// HugePages says how to use huge pages: HugeAuto, HugeNever or HugeAlways of package
	// arena. With HugeAuto, the zero value, an append that comes near to an extent of 2
	// MiB makes it a huge page first, but for the first extent.
	HugePages arena.HugePages

	// Domain is what guards are of; very many streams may share one. A guard that is
	// held long then keeps all that is dropped or left since it was pinned. What such a
	// domain refuses, because it is closed or for its MaxRetired, is kept beyond that limit
	// until the guards of then are unpinned. nil means one of the stream's own: a guard
	// that is held long keeps what it sees, what is appended behind that in the same
	// window, and nothing that comes in later ones.
	Domain *epoch.Domain

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space
}

// check panics if the options contradict themselves, and fills in the name.
func (o *Options) check(what string) {
	if o.Name == "" {
		o.Name = what
	}
	switch {
	case o.Reserve < 0, o.Limit < 0:
		panic(fmt.Sprintf("stream: make %q: Reserve is %d, Limit %d, want 0 or more", o.Name, o.Reserve, o.Limit))
	case o.HugePages > arena.HugeAlways:
		panic(fmt.Sprintf("stream: make %q: HugePages is %d: its files cannot come from the hugetlb pool", o.Name, o.HugePages))
	}
}
