// Package sys is the only place that makes system calls and the only importer
// of golang.org/x/sys/unix.
//
// It offers the kernel's memory operations by what they do to a range of
// addresses, in the words of the rest of the library:
//
//	Reserve   None     → Reserved  mmap PROT_NONE at a place that must be free
//	Cover     any      → Reserved  mmap PROT_NONE over a range of ours
//	MapShared Reserved → Mapped    mmap MAP_SHARED of a file over a range of ours
//	Remap     Mapped   → Mapped    mremap to another place; with RemapKeep the page tables move and both stay mapped
//	Unmap     any      → None      munmap
//
// Contract, for every function and every operating system:
//
//   - Preconditions: addresses and sizes are multiples of the page size, sizes
//     are above zero, and a range named to anything but Reserve is ours.
//   - Addresses are uintptr until [Pointer] is called on one that the kernel
//     has given us: a pointer made from a mere hint could point into the Go heap.
//   - An error is an *os.SyscallError that names the call and wraps the errno,
//     so errors.Is(err, sys.ENOMEM) works. EINTR is retried here and nowhere else.
//   - On other Unix systems, and with the build tag portable, memory files are emulated by
//     anonymous memory (portable.go), and the rest fails with errors.ErrUnsupported, as
//     everything that can fail does on systems that are no Unix.
//   - Tests may make any call fail before it reaches the kernel: see [SetHook].
//
// No function here keeps state about ranges, but for the emulation: that is package addrspace.
package sys
