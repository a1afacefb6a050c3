package testutil

import "github.com/growarena/growarena/internal/sys"

// FileMemory returns how many bytes the process's open files take, of memory or of disk:
// the truth about memory files, whatever is mapped. It needs no /proc, and looks at the
// first 64 descriptors.
func FileMemory() (n int64) {
	for fd := range 64 {
		if info, err := sys.Stat(fd); err == nil && info.Regular {
			n += info.Allocated
		}
	}
	return n
}
