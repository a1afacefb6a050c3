// Package shm provides byte buffers that grow in one process and are read in any number of
// others while they grow: without a fixed maximum, without copying, and without a moment at
// which anybody has to stop, unmap or be asked. Who waits in another process sees what is
// published after 30 to 70 µs.
//
// # When to use it, and when not
//
// Use a [Writer] and its [Follower]s where one process appends megabytes and more, and others on the
// machine read them in place: columns, logs, frames, results of a long computation. Use
// something else
//
//   - within one process: packages arena and stream;
//   - where what is sent is small, or read once: a pipe or a unix socket. Copying is cheap below a
//     megabyte, and they know when the other side is gone as well;
//   - between machines: a network protocol;
//   - where several processes write, or bytes are to be used again: a queue such as
//     iceoryx2's. Here one writer appends, and what was published never changes.
//
// # Which call for which job
//
//	make a buffer without a name               Create
//	… hand it to a child, or over a socket     Writer.Files, Files.Send; Inherited, Receive
//	make a buffer that others find by name     Create with Options.Dir and Name
//	append and publish; in place               Writer.Append, Writer.Write; Writer.Arena, Writer.Publish
//	rows; of several columns; drop old ones    AppendValues, View; CreateGroup; DropFront, Guard.Check
//	end it                                     Writer.Close, Writer.Remove
//	go on where a writer ended, or was killed  TakeOver
//	follow                                     Follow, Open; Await, Writer.Awaited
//	what is there now                          Follower.Poll, Pin, Read
//	wait for more; as a stream                 Follower.Wait; Follower.NewReader
//	what is in a directory; one of one's own   List, Remove; NewMount, Mount.Dir
//	a log file on a disk                       Options.Dir on a disk; Writer.Sync
//
// # When is a slice valid?
//
// In the writer as the arena's options say, in a follower as those of [FollowOptions] say:
// until Close, or, with Retire or Domain, as long as its guard is pinned. No process's windows
// have to do with another's: each goes to a bigger one when it needs to, and lets the old one
// go by its own guards. What was published below Len never changes, unless it is dropped.
//
// # One writer, any number of processes
//
//	w, err := shm.Create(shm.Options{Dir: "/dev/shm/app", Name: "ticks"}) // the writer
//	_, err = w.Write(record)                                              // append and publish
//
//	f, err := shm.Open("/dev/shm/app", "ticks", shm.FollowOptions{})      // a reader, anywhere
//	err = f.Wait(ctx, n)                                                  // until n bytes are there
//	err = f.Read(func(b []byte) error { return scan(b) })                 // in place
//
// Without a Dir there are no names: the buffer is three memory files, and who is to follow
// gets their descriptors.
//
//	files, err := w.Files()
//	cmd.ExtraFiles = files[:]              // the child: shm.Follow(shm.Inherited(3), …)
//
// A [Mount] is a tmpfs of one's own with a size, an owner and huge pages; nobody sees it who
// is not given its descriptor, and with the last of those it is gone. It takes root, or a user
// namespace.
//
// # A feed with retention
//
// A buffer that is made Droppable is package stream's Stream among processes: DropFront gives the
// memory of what is old back, and what is left keeps its offsets. No guard keeps it from going,
// since a reader that is stopped or hostile would stop the writer then. So a follower looks once
// more behind what it has read in place; Read and Reader do so themselves.
//
//	w, err := shm.Create(shm.Options{Dir: dir, Name: "ticks", Droppable: true})
//	_, err = shm.AppendValues(w, tick)                     // any number of goroutines
//	err = w.KeepLast(1_000_000 * size)
//
//	g, err := f.Pin()
//	first, ticks := shm.View[Tick](&g)                     // in place
//	sum := total(ticks)
//	if g.Check(first * size) != nil { retry() }            // it may be a sum of zeros
//
// An offset is one in the file, and never used again: so the longest file bounds all that is ever
// appended, dropped or not: RLIMIT_FSIZE (ulimit -f), 16 TiB on ext4, and the addresses for a
// window of that length, on 64 bits some tens of TiB. Behind that Append returns an error, and it takes
// another buffer.
//
// Several columns are a [Group]: each is a buffer, and who follows the group sees a row in all of
// them or in none, also where the writer was killed between two.
//
//	g, err := shm.CreateGroup(opts, shm.ColumnOf[float64]("price"), shm.ColumnOf[int32]("size"))
//	row, err := g.Append(shm.ValuesOf(12.5), shm.ValuesOf[int32](100))
//
// Append copies. What is to be written in place is for Writer.Arena and Publish, in one goroutine:
// there is no AppendFunc as package stream's.
//
// # Who can do what to whom
//
// A buffer without a name is sealed (F_SEAL_SHRINK, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL): whoever gets
// its files, of whatever user, can neither write nor cut nor seal it, nor make the writer
// wait. All he can write is the bell, a page that tells the writer that somebody waits: false
// rings cost it a system call each, and bells put back, with the watchman's lock taken, make others
// wait for a second. One
// that is Droppable is sealed against being cut alone, because giving back is writing: who is of
// the same user and has a descriptor can write to its data. A
// follower in turn believes no writer: what does not fit is ErrCorrupt, not a fault.
//
// A tmpfs knows no seals. A buffer with a name is for those whom its Perm lets in, and they for
// it: who may write to the files can do harm to those who read. Cutting the file makes
// touching it a fault; Follower.Read and Reader make it an ErrCorrupt. Who may read it can lock it
// for reading when it has no writer: TakeOver and Remove then say which process does that.
//
// # What survives
//
//	                      a tmpfs or memory file      a disk
//	writer killed         all that was published      all that was published
//	system crash, power   nothing                     what was synced last, at least; nothing else counts
//	full file system      Write and, with Commit, Alloc and Grow return an error; what was published stays
//
// A killed writer leaves a name. [TakeOver] goes on behind what was published and clears the
// rest, [Remove] takes it away. [Writer.Sync] writes the data to the disk first and then the length
// that says so; a length that is not synced does not count after the system was started
// anew, whatever of it has come to the disk.
//
// # What it costs
//
//   - Publish where nobody waits: two atomic operations, no system call. Where somebody waits
//     one system call, some 2 µs.
//   - Poll of a sealed buffer that has not grown: 2 to 4 ns. Growth within the window: one fstat.
//   - Waiting: one goroutine, and one thread in the kernel, for each Follower that somebody
//     waits on. It looks by itself ten times a second, and once when nothing has come for some
//     seconds: 0.2 ms of a processor each. One follower of all looks 250 times whether the writer lives.
//   - Append: a lock, the copy, and what Publish costs.
//   - DropFront: one or two system calls, a disk sync on a disk. Guard.Check: three atomic operations.
//   - A Writer: five descriptors, three mappings. A Follower: three descriptors, two mappings,
//     three after the first Wait. With [FollowOptions].NoDescriptor none and one: ten thousand
//     buffers are followed in 10,100 mappings. A Poll then takes 10 µs.
//
// FORMAT.md has the layout, for programs in other languages.
package shm
