//go:build linux

package checkpoint

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ahead returns how far behind b's first byte the next multiple of alignment is.
func ahead(b []byte, alignment int) int {
	return -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (alignment - 1)
}

// mapOver maps the file over b.
func mapOver(b []byte, fd int) error {
	_, err := unix.MmapPtr(fd, 0, unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
	return err
}
