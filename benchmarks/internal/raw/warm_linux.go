package raw

import "golang.org/x/sys/unix"

// Warm touches n bytes of memory and gives them back, so that what is taken next is
// memory that the machine has. A virtual machine may have given memory that was free
// for some seconds back to its host, which then takes tens of times as long to find
// it as the kernel takes to clear it: without this the first contender pays for all.
func Warm(n int) error {
	m, err := Anon(n)
	if err != nil {
		return err
	}
	_ = m.Advise(unix.MADV_HUGEPAGE) // A kernel without them gives small pages.
	for i, b := 0, m.Bytes(); i < n; i += pageSize {
		b[i] = 1
	}
	return m.Unmap()
}

const pageSize = 4096 // the least there is
