package arena

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/sys"
)

// AliasOfOptions say what [AliasOf] shows. The zero value shows the slice, writable if
// that is.
type AliasOfOptions struct {
	// Len is how many bytes to show from the slice's first on. 0 means the slice's
	// length; more shows what the file behind it has there.
	Len int

	// ReadOnly makes a store through the alias fault.
	ReadOnly bool

	// Name appears in errors. "" means "alias".
	Name string

	// Space holds the addresses. nil means addrspace.Default().
	Space *addrspace.Space
}

// AliasOf maps the bytes of b a second time, whoever has mapped them in this process: a C
// library, another Go package. They must be shared memory: mapped with MAP_SHARED, of a
// file or of none. The alias shows the same bytes at other addresses, and stays until
// Release, also when b has been unmapped. It needs no descriptor. b must be mapped until
// AliasOf returns.
//
// The error for private memory, such as the Go heap and most of what C allocates, wraps
// EINVAL. Other errors are addrspace.ErrNoSpace, EINVAL for pages of the hugetlb pool,
// EFAULT for the memory of devices, ErrTracked for a writable alias of an arena that is tracked, and that the file has no page of the last of Len bytes
// (behind the end, in its page, it reads as zero). For more than a page /proc/self/maps is
// read, because b may be several mappings. Panics if b is empty, or Len is less than its
// length.
func AliasOf(b []byte, o AliasOfOptions) (*Alias, error) {
	if o.Name == "" {
		o.Name = "alias"
	}
	if o.Len == 0 {
		o.Len = len(b)
	}
	if len(b) == 0 || o.Len < len(b) {
		panic(fmt.Sprintf("arena: AliasOf of %d bytes as %q: Len is %d", len(b), o.Name, o.Len))
	}
	l, err := aliasOf(b, o)
	runtime.KeepAlive(b) // Its owner may have tied the mapping to it.
	if err != nil {
		return nil, fmt.Errorf("arena: alias of %d bytes at %#x as %q: %w", o.Len, addressOf(dataOf(b)), o.Name, err)
	}
	return l, nil
}

func aliasOf(b []byte, o AliasOfOptions) (*Alias, error) {
	page := uintptr(os.Getpagesize())
	addr := addressOf(dataOf(b))
	start := align.Down(addr, page)
	before := int(addr - start)
	if o.Len > math.MaxInt-2*int(page) {
		return nil, addrspace.ErrNoSpace
	}
	size, _ := align.Up(before+o.Len, int(page))
	end, _ := align.Up(addr+uintptr(len(b)), page) // It is a slice.
	parts, err := sharedIn(start, end, page)
	if err != nil {
		return nil, err
	}
	if !o.ReadOnly {
		tracked.mu.RLock() // Nobody begins to be tracked before it is there.
		defer tracked.mu.RUnlock()
		if err := refuseAliasOf(start, end); err != nil {
			return nil, err
		}
	}
	space := o.Space
	if space == nil {
		space = addrspace.Default()
	}
	w, err := space.Reserve(size, addrspace.ReserveOptions{Name: o.Name, Compact: true, MapAll: true})
	if err != nil {
		return nil, err
	}
	l := &Alias{name: o.Name, window: w, off: before, n: o.Len}
	for i, off := 0, 0; i < len(parts) && err == nil; i++ {
		n := int(parts[i].Len())
		if i == len(parts)-1 {
			n = size - off
		}
		err = w.MapAlias(off, n, parts[i].Start)
		off += n
	}
	if err == nil && o.ReadOnly {
		err = sys.Protect(w.Range().Start, uintptr(size), sys.ProtRead)
	}
	switch {
	case errors.Is(err, sys.EINVAL):
		err = fmt.Errorf("%w: memory that is private, or of the hugetlb pool, has no second mapping: %s", err, makeShared)
	case errors.Is(err, sys.EFAULT):
		err = fmt.Errorf("%w: nothing is mapped there, or the memory of a device", err)
	case err == nil && o.Len > len(b):
		if _, touchErr := mapping.Touch(l.Bytes()); touchErr != nil {
			err = fmt.Errorf("touching byte %d is a fault: the file ends before (set a smaller Len), or the memory may not be read (PROT_NONE: make it readable first)", o.Len-1)
		}
	}
	if err != nil {
		mapping.Release(w)
		return nil, err
	}
	return l, nil
}

// makeShared is what to do about private memory.
const makeShared = "map it with MAP_SHARED (a memory file, shm_open, MAP_SHARED|MAP_ANONYMOUS), or copy it into an arena (Clone)"

// sharedIn returns the mappings of the kernel's that [start, end) is, and refuses private
// ones. Of one page no question is asked: it is of one mapping, and the kernel refuses it
// if that is private.
func sharedIn(start, end, page uintptr) ([]addrspace.Range, error) {
	if end-start <= page {
		return []addrspace.Range{{Start: start, End: end}}, nil
	}
	var parts []addrspace.Range
	var private error
	at := start
	err := sys.Maps(func(v sys.VMA) bool {
		if v.End <= at {
			return true
		}
		if v.Start > at {
			return false
		}
		if v.Perms[3] != 's' {
			private = fmt.Errorf("%w: the memory at %#x is private (%s %s): %s", sys.EINVAL, at, v.Perms, v.Path, makeShared)
			return false
		}
		parts = append(parts, addrspace.Range{Start: at, End: min(v.End, end)})
		at = min(v.End, end)
		return at < end
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: whether it is one mapping is seen in /proc/self/maps: mount /proc, or pass one page of it, and the length as Len", err)
	case private != nil:
		return nil, private
	case at < end:
		return nil, fmt.Errorf("%w: nothing is mapped at %#x", sys.EFAULT, at)
	}
	return parts, nil
}
