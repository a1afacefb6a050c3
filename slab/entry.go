package slab

// entry says what a page is part of, in one word, so that what is read of it
// belongs together: 0 for nothing in use. It is the page's tag in the page heap.
//
//	bits 0-31   number of the first group, or of a medium object the span
//	bits 32-47  which of the span's pages it is
//	bits 48-55  class
type entry uint64

func newEntry(class, page int, number uint32) entry {
	return entry(class)<<48 | entry(page)<<32 | entry(number)
}

func (e entry) class() uint64  { return uint64(e >> 48) }
func (e entry) page() uint32   { return uint32(e>>32) & (1<<16 - 1) }
func (e entry) number() uint32 { return uint32(e) }

// look returns the entry of the page that address p is on, and how far p is from the
// start of the span.
func (a *Allocator) look(p uintptr) (e entry, off uint32) {
	tag, off := a.pages.Lookup(p)
	return entry(tag), uint32(tag>>32)%(1<<16)*pageSize + off // As page, by hand: to be inlined.
}
