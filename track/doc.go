// Package track tells which pages of memory of this process were written since it was
// asked last: memory mapped by this library, by C, by another package. It needs no privilege,
// no cgo, no signal handler and no thread of its own: the kernel notes the writes (Linux 6.7 on
// amd64 and arm64). The first write to a page after a report costs 2 µs, later ones nothing; asking takes
// 0.5 ms for each GiB of 4 KiB pages.
//
// # When to use it, and when not
//
// Use it to copy what has changed of a large table or cache: to a disk, to another process, to
// another place while it is in use. Use something else
//
//   - for an arena: Arena.Checkpoint, which knows all of its windows, and that it grows;
//   - for data that is only appended to: what lies below the length is a snapshot as it is;
//   - for the Go heap: it is refused. Its pages change whenever the collector runs;
//   - for memory of the hugetlb pool or of a device: it is refused, since the kernel does not tell all of it;
//   - where each write is to be seen at once, or by whom: it tells pages, later.
//
// # Which call for which job
//
//	begin                                  New, with one or several ranges
//	which pages, and start anew for them   Tracker.Dirty
//	how many, without starting anew        Tracker.Stats
//	end                                    Tracker.Close
//
// # When is a report valid?
//
// A page that was written is reported by the first Dirty that begins after the write, or by one that
// was under way; so copy a page after it was reported, not before. A report may say too much (all of a huge page, a
// page that was only read after the system had dropped it), and never too little, for what is written through the addresses given
// to New. It is silent about what does not go that way:
//
//   - stores through another mapping of the same shared memory, here or in another process;
//   - what changes the file that is mapped: write(2), a hole punched by fallocate(2) or MADV_REMOVE, ftruncate(2).
//     (read(2) into the memory is seen, and so is MADV_DONTNEED);
//   - what the kernel or a device writes to pages that it holds, as it got them before: buffers that are registered with
//     io_uring, direct I/O (O_DIRECT) that is under way while Dirty is called.
//
// Fork does not inherit it. Memory that is unmapped, or mapped anew, is an error of Dirty. What is given back and stays mapped,
// such as a buffer of a pool, is tracked on, whoever has it next.
//
// Do not install guards (MADV_GUARD_INSTALL) in shared memory that is tracked: Linux 6.18 never returns from that. This library
// does not: a pool leaves out those that would lie there, and counts them (GuardsRefused). An arena of which a part is
// tracked grows by mapping its file again, or refuses if its Rungs do not allow that: page tables of several mappings do not move.
//
// # What it costs
//
//	New                             5 µs a range
//	the first Dirty                 14 ms for each GiB of 4 KiB pages, 0.2 ms of huge pages
//	Dirty where nothing was written 0.5 ms for each GiB of 4 KiB pages, 0.02 ms of huge pages
//	a first write after that        2 µs for a page; one to a huge page splits it
//	Close                           10 ms for each GiB of 4 KiB pages
//
// Kernels that lack a fix of 2026 take three times as long to ask. Two descriptors for each Tracker, and page tables for all of the range, touched or not (2 MiB for each
// GiB). Nothing for memory that is not tracked.
package track
