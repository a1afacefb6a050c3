package realloc

import "golang.org/x/sys/unix"

// mremap is the bare system call on a mapping of its own.
func mremap() allocator {
	return allocator{
		grow: func(b []byte, n int) ([]byte, error) {
			if b == nil {
				return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			}
			return unix.Mremap(b, n, unix.MREMAP_MAYMOVE)
		},
		free: unix.Munmap, done: none,
	}
}
