// Package dirty tells which pages of memory of this process were written: by the
// kernel's asynchronous write protection (userfaultfd, Linux 6.7), without privilege,
// signals or a goroutine that handles faults. It knows addresses, and nothing of what they are
// for: packages track and arena do.
//
// A page is clean if it is protected, and counts as written otherwise. So memory that was just
// added counts as written, as does what was mapped anew or given back; what is said may be too much, and is
// never too little. A scan protects what it finds, page by page in one step of the kernel's.
//
// What is not seen: stores through another mapping of the same file, and what changes the file itself, be it
// write(2) or a hole that is punched. (read(2) into the memory is seen.) Who does that says so. Nor is what goes to pages
// that the kernel holds: registered buffers of io_uring, direct I/O under way.
//
// On kernels before a fix of 2026 a page without a page table counts as clean: the kernel drops huge pages of files,
// page table and state, when they are split or reclaimed, and what was written to them with that. MADV_DONTNEED drops pages, too,
// and since Linux 6.14 their page tables. So there a scan looks for written pages, then for absent ones, which get a page
// table by that, and for written ones again: a page that was dropped before the first look and has come back before
// the second is found by the third.
package dirty
