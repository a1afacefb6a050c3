package addrspace

import "fmt"

// Range is the addresses from Start up to but not including End. A Range is
// only numbers: having one says nothing about who holds the addresses.
type Range struct{ Start, End uintptr }

// Len returns the number of addresses in r.
func (r Range) Len() uintptr { return r.End - r.Start }

// Contains reports whether addr lies in r.
func (r Range) Contains(addr uintptr) bool { return r.Start <= addr && addr < r.End }

// Overlaps reports whether r and o have an address in common.
func (r Range) Overlaps(o Range) bool { return r.Start < o.End && o.Start < r.End }

// String returns r as /proc/self/maps writes it, with 0x in front of each half.
func (r Range) String() string { return fmt.Sprintf("%#x-%#x", r.Start, r.End) }
