// Package stream provides sequences of bytes, and tables of values, that any number of
// goroutines append to and read while they grow, and whose front is dropped: they go on
// for ever in bounded memory and bounded addresses, 256 MiB of them at first. Readers
// see what was appended whole and in order, in place, and can wait for more.
//
// # When to use it, and when not
//
// Use a [Stream] for a log, a feed or a response that is read while it is written, and
// a [Group] of [Column] values for a table with retention. Use something else
//
//   - where each element is read once, by one goroutine: a channel, or io.Pipe;
//   - where bytes need not be contiguous and the Go heap has memory to spare: a list
//     of chunks made by make, published by an atomic counter;
//   - below a megabyte: a slice and a sync.RWMutex. A stream is a file and a mapping;
//   - where bytes are changed after they were appended: package arena.
//
// # Which type for which job
//
//	bytes, one behind the other      Stream: Append, AppendFunc
//	values, as a slice               Column[T]; several together: Group
//	what can be read now             Guard, by Pin; Guard.Bytes, Column.View
//	waiting for more                 Wait
//	retention                        DropFront, KeepLast, and Options.Limit
//	HTTP, with ranges                Stream.NewReader, http.ServeContent
//	following it, like tail -f       Stream.Follow, io.Copy; rows: Group.Follow
//
// # When is a slice valid?
//
// What a [Guard] returned is valid, and as it was, until that guard's Unpin or Refresh,
// whatever is appended, dropped or closed meanwhile. With Options.Domain it is so while
// some guard of that domain is held that was pinned before it. The slice that AppendFunc
// hands out is valid until the function returns.
//
// # Writers, readers and retention
//
//	s, err := stream.New(stream.Options{Limit: 64 << 20})
//
//	off, err := s.Append(record)            // any number of goroutines
//
//	for off := s.Front(); s.Wait(ctx, off) == nil; { // any number of readers
//		g, err := s.Pin()
//		if err != nil {
//			return err // It was closed.
//		}
//		off = max(off, g.Front()) // Who is slow misses what was dropped meanwhile.
//		b, err := g.Bytes(off, int(g.Len()-off))
//		off += consume(b)
//		g.Unpin()
//	}
//
//	err = s.DropFront(oldest)               // whoever says what is old
//
// # Rows of several columns
//
//	var trades struct{ Price stream.Column[float64]; Size stream.Column[int32] }
//	g, err := stream.NewGroup(stream.Options{}, &trades.Price, &trades.Size)
//
//	r, err := g.Begin(1)                    // a row, zero, in all columns
//	trades.Price.In(r)[0], trades.Size.In(r)[0] = 12.5, 100
//	r.Publish()                             // in all of them at once
//
//	now, err := g.Pin()
//	prices, sizes := trades.Price.View(&now), trades.Size.View(&now) // equally long
//
// # Rules
//
//   - What is appended is seen when all that was appended before it is: an AppendFunc
//     whose function stalls keeps what others append behind it from being seen, and
//     neither loses nor tears it. Append runs no code of others, except where it makes
//     room: then, in a shared domain that has MaxRetired, what others have retired.
//   - A function of AppendFunc that fails or panics has appended nothing, unless others
//     have appended behind it, or appending was ended: then there are zeros in its place
//     ([ErrZeroed]). So it is with rows of a group. Rows that are neither published nor canceled stop the rest;
//     Cancel behind Publish does nothing, so it can be deferred.
//   - Offsets are never used again. Those before Front are an error (ErrDropped), and so is
//     an append above Options.Limit (ErrFull), until DropFront makes room.
//   - A guard that is held long keeps what it sees, and what is appended behind it in the
//     same window; a guard of a shared domain keeps all that is dropped since.
//   - Bytes are not changed after they were appended: nothing orders that with readers.
//   - Close ends it. Guards, and appends under way, go on with what they have.
//   - No Go pointers inside: the collector does not look here. Columns of types with
//     pointers panic.
//
// # What it costs
//
//   - Append within what is ready: a compare-and-swap, the copy, and a store; no lock, no
//     allocation, no system call. Who overtakes another's append, which takes longer than
//     some 200 ns, takes a lock. Nothing is paid for waiting while nobody waits.
//   - Each 2 MiB: one system call, which brings memory that was dropped to where it is
//     needed, with its page tables; where none was, and huge pages pay, one is made.
//   - AppendFunc and rows get zeros: what was dropped is cleared, in pieces, as they come.
//   - At the end of a window, 256 MiB at first (Options.Reserve): some system calls. The
//     page tables of what is live move; nothing is copied, and what was dropped
//     costs nothing. A window is at least twice as long as what is live.
//   - Memory: what is live, what guards keep, up to 2 MiB at either end, and of what was
//     dropped up to an eighth of what is live, or 2 MiB, for what comes.
//   - Addresses: the window, and old ones that guards see or appends write to.
//   - A descriptor for each column, and some mappings: one more each time that it comes to the end of its
//     file and begins at the start again, up to 16; then it goes on in another window.
//
// # How it works
//
// A stream has a window, a range of addresses over which its file is mapped in pieces of
// 2 MiB and more: what comes is where in the file something was dropped, or at its end. At the end
// of the window another one is made, which shows what is live. So neither the file nor addresses grow
// with the stream.
//
//	logical   ── dropped ──┼──── live ────┼── to come ──▶
//	window                 │ 5 6 7 8 │ 0 1 2 │            which extents of the file
//	file       0 1 2 │ 3 4 │ 5 6 7 8                      3 and 4 are next
//
// Appenders take ranges by a cursor and publish them in order (order.go). When no guard is left that
// sees what DropFront has dropped it is used again, or holes are punched into the file (spare.go).
package stream
