package sys

import "unsafe"

// Pointer returns addr as a pointer.
//
// Preconditions: addr lies in a mapping of ours, made by Reserve: the garbage
// collector lets pointers to foreign memory be, but not to free Go heap.
func Pointer(addr uintptr) unsafe.Pointer {
	// safety: by the precondition the address is off-heap memory of ours. The
	// indirection says so to vet, which cannot know.
	return *(*unsafe.Pointer)(unsafe.Pointer(&addr))
}
