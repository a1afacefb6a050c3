// Package follow is a read-only view of a file that somebody else makes longer: another
// process, another library in this one, an arena. The view grows without copying, and old
// slices of it stay valid. It never changes the file, works with a descriptor that is
// open for reading only, and needs none once the file is mapped. It takes 256 MiB of addresses
// and one mapping of the kernel's, and no memory.
//
// # When to use it, and when not
//
// Use a [Follower] where a file of many megabytes grows under readers that must not stop: a
// log or a column that another process appends to, a memory-mapped database. Use something
// else
//
//   - in the process that writes: the readers of an arena.Arena take its own guards;
//   - where the file does not grow: mmap of package golang.org/x/sys/unix;
//   - where it is read once, from the beginning to the end: os.File. A follower saves no
//     copy there that matters;
//   - for what cannot be mapped: pipes, sockets, files of /proc.
//
// # Which call for which job
//
//	begin to follow a file                    New
//	its writer says that there are n bytes    Follower.Extend
//	keep addresses up to n bytes              Follower.Reserve
//	read them                                 Follower.Bytes
//	… while old windows are given back        Follower.Pin, Follower.Read
//	as a reader of package io                 Follower.NewReader, Follower.ReadAt
//	follow very many files                    Options.NoDescriptor, Reserve and Limit alike
//	make an error of a fault                  arena.CatchFault
//	end it                                    Follower.Close
//
// # When is a slice valid?
//
// As long as the option says that the follower was made with, as for an arena:
//
//	(none)          until Close. Old windows are kept.
//	Options.Retire  a slice from a Guard: until that guard's Unpin or Refresh. A slice
//	                from Bytes: until the next Extend.
//	Options.Domain  while some guard of that domain is held that was pinned before
//	                the slice was obtained.
//
// # Who says how long the file is?
//
// Its writer, by whatever way he has: a message, a counter in shared memory, the end of a
// transaction. The file's own length is no answer, because files are made longer before
// they are written: an arena's is a multiple of 2 MiB, with zeros behind the data. But a follower believes
// nobody: what does not lie in the file is an error from Extend, not a fault.
//
//	l, err := follow.New(f, follow.Options{Retire: true})
//
//	for n := range lengths {        // whoever hears of the writer
//		err := l.Extend(n)
//	}
//	err = l.Read(func(b []byte) error { return scan(b) }) // any number of readers
//
// # Rules
//
//   - Nothing is written through a follower: a store to a slice of it faults.
//   - A file that others cut has no bytes there any more, and touching them is a fault,
//     SIGBUS, which ends the process: by nature, since no look beforehand rules out a cut
//     afterwards. Read within arena.CatchFault what you do not trust, or follow a memory
//     file that is sealed (F_SEAL_SHRINK), as those of arenas are. Extend says ErrShrunk
//     when it looks at the file again.
//   - What others may still write to can change while it is read: agree on who writes
//     where, as an append-only file does by itself.
//   - Reading a hole of a memory file takes memory there, as reading a hole through
//     any mapping does.
//   - No locks inside, and no atomics that order anything else: the race detector does not
//     see this memory and would report falsely.
//
// # What it costs
//
//   - Extend within Cap: no system call, no lock. Beyond, within the window: one fstat; with
//     Options.NoDescriptor none, but a look at the last page. Beyond the window: a
//     bigger one, twice as long as the one before, into which page tables move (Linux 5.13).
//   - Pin, Bytes, Read: as an arena's. Nothing is allocated on the Go heap.
//   - Addresses, not memory: the window, 256 MiB at first (Options.Reserve), and old
//     windows.
//   - One mapping of the kernel's for each window, and one descriptor, or none with
//     Options.NoDescriptor. For a million files raise vm.max_map_count, and set
//     Options.Reserve and Limit to a few megabytes.
package follow
