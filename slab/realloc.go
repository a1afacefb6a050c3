package slab

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/epoch"
)

// Realloc makes b n bytes long and returns it; b must not be used any more,
// unless there is an error, and then it is as it was. What was in b[:min(len(b),
// n)] is in the result. A small object stays where it is when its class has room
// and is not twice too large; a medium one when the pages behind it are free;
// a large one is never copied: it grows in its band, and beyond that page tables
// move. Realloc of nil is Alloc, Realloc to 0 is Free. Panics as Free does.
func (a *Allocator) Realloc(b []byte, n int) ([]byte, error) {
	if n < 0 {
		panic(fmt.Sprintf("slab: Realloc to %d bytes", n))
	}
	a.mustBeOpen("Realloc")
	if cap(b) == 0 {
		return a.Alloc(n)
	}
	if n == 0 {
		a.Free(b)
		return []byte{}, nil
	}
	got, err := a.realloc(b, n)
	if err != nil {
		return nil, fmt.Errorf("slab: reallocate %d bytes to %d from %q: %w", len(b), n, a.name, err)
	}
	return got, nil
}

func (a *Allocator) realloc(b []byte, n int) ([]byte, error) {
	sp := a.find(addrOf(b))
	if sp == nil {
		return a.large.realloc(a, b, n)
	}
	a.mustBeObject("Realloc", b, sp)
	switch {
	case n <= cap(b) && (n > cap(b)/2 || cap(b) <= smallest):
		return b[:n], nil
	case sp.class == mediumClass && n > cap(b) && n <= mediumMax && a.lengthen(sp, n):
		return bytesAt(sp.start, n, int(sp.size)), nil
	}
	to, err := a.allocKind(n, 1)
	if err != nil {
		return nil, err
	}
	copy(to, b)
	a.Free(b)
	return to, nil
}

// smallest is the capacity from which an object that is twice too large is not
// worth moving.
const smallest = 64

// mustBeObject panics unless b is an object in use of sp.
func (a *Allocator) mustBeObject(method string, b []byte, sp *span) {
	off := addrOf(b) - sp.start
	if sp.class > mediumClass || off%uintptr(sp.size) != 0 || cap(b) != int(sp.size) || off/uintptr(sp.size) >= uintptr(sp.objects) {
		a.misuse(method, b, sp)
	}
	if sp.class == mediumClass {
		return
	}
	idx := int(off / uintptr(sp.size))
	if a.groups.word(sp.group+uint32(idx>>groupShift)).Load()&(1<<(idx%groupLen)) != 0 {
		panic(fmt.Sprintf("slab: %s of %d bytes at %#x: free already", method, cap(b), addrOf(b)))
	}
}

// lengthen makes a medium run long enough for n bytes if the pages behind it are
// free.
func (a *Allocator) lengthen(sp *span, n int) bool {
	h := &a.pages
	h.mu.Lock()
	defer h.mu.Unlock()
	r := (*a.regions.Load())[sp.region]
	page, have := int((sp.start-r.base)/pageSize), int(sp.pages)
	want := (n + pageSize - 1) / pageSize
	behind := page + have
	if behind >= r.pages {
		return false
	}
	c, i := r.chunk(behind)
	if int(c.run[i]) < want-have || a.charge((want-have)*pageSize) != nil {
		return false
	}
	free, dirty := a.unlinkLocked(r, behind)
	if rest := free - (want - have); rest > 0 {
		a.linkLocked(r, page+want, rest, dirty)
	}
	number := r.entry(page).Load()
	for p := behind; p < page+want; p++ {
		r.entry(p).Store(number)
	}
	h.used += want - have
	sp.pages, sp.size = uint32(want), uint32(want*pageSize)
	return true
}

// errNoDomain is what Retire says without Options.Domain.
var errNoDomain = errors.New("slab: Retire needs Options.Domain")

// Retire frees b when no guard that is pinned now is left: for objects that
// readers find by following links and may still be looking at after they were
// unlinked. An error is the domain's (its limit is reached, or it is closed), and
// b is still allocated. Panics without Options.Domain.
func (a *Allocator) Retire(b []byte) error {
	if a.domain == nil {
		panic(errNoDomain)
	}
	if cap(b) == 0 {
		return nil
	}
	return a.domain.Retire(epoch.Retired{Bytes: int64(cap(b)), Free: func() { a.Free(b) }})
}
