package arena

import (
	"bytes"
	"fmt"
	"math"
	"sync/atomic"
)

// Buffer is bytes.Buffer, method for method and meaning for meaning, over an
// [Arena]: growing copies nothing, slices of the content survive it, and other
// goroutines may read while one writes. It is also an io.Seeker, io.ReaderAt and
// io.WriterAt. The zero Buffer is ready to use and makes an arena with default
// [Options] when it first needs one; [NewBufferIn] takes any other. A Buffer must
// not be copied (go vet finds that), and it must be freed: see [Buffer.Free].
//
// # What Read and Write do
//
//	mode    used so far              Read             Write           bytes that have been read
//	pipe    none of those below      next unread      after the last  may be dropped by a write
//	shared  ReadAt or WriteAt        next unread      after the last  are kept
//	file    Seek (maybe others too)  at the position  at the position  are kept
//
// Reset and Truncate(0) lead back to the pipe, which bytes.Buffer is: bytes that have
// been read make room for new ones, and in a steady flow the Buffer does not grow. The first
// Seek finds the position where a file's would be, behind what the last Read or
// Write has passed; seeking beyond the end is allowed, and a write there fills
// the gap with zeros. Len, Bytes, Next, Peek and the like are about the bytes
// from the position to the end. An arena on a caller's file (Options.File) begins
// as shared: reading must not shorten a file.
//
// Offsets of Seek, ReadAt and WriteAt count from the first byte held, that is the
// arena's byte 0.
//
// # Errors
//
// Where bytes.Buffer panics for want of memory, a write returns an error, having
// written as much as it says: nothing, but for ReadFrom. It is what [Arena.Grow]
// returns. Only those that cannot return one panic: Grow ([Buffer.TryGrow] does
// not), NewBuffer and NewBufferString, with an error that wraps bytes.ErrTooLarge.
//
// # Slices of the content
//
// What Bytes, Next, Peek and AvailableBuffer return stays valid, and in place, by
// the pointer rule of the arena: by default until Free, however much the Buffer
// grows. What is seen there changes by writes to these very bytes (WriteAt, or
// Write after Seek), by writes after Reset or Truncate, and, only in a
// pipe, by any write or Grow once something has been read: what is unread may move
// to the front then. All but the last have no spare capacity: append copies.
//
// # Concurrency
//
// One goroutine at a time owns the Buffer, and it alone writes to the arena and
// grows it. Meanwhile any number may read through [Arena.Pin] or
// [Buffer.ReadAt]. A write, unless it overwrites, is copied first and published
// then, as one: whoever loads Arena.Len and pins after that sees whole writes up
// to there, as ReadAt does. Where the owner reads as well as writes, it keeps the
// bytes in place for the others by using ReadAt once before, if only for zero
// bytes.
type Buffer struct {
	// arena holds the bytes; its length is their end. nil in a zero Buffer.
	arena *Arena

	// soft is the end up to which a write needs nothing but the copy; at most
	// the capacity. 0 sends the next write to makeRoom, and, after Seek, every
	// one to the position.
	soft int

	// off is where the next byte is read, and written after Seek. At most the
	// arena's length, but for a position that has been sought beyond it.
	off int

	last   lastOp // What the last operation was.
	seeked bool   // Whether there is one position for reads and writes.
	onFile bool   // Whether the arena is on a caller's file. Immutable once made.

	// kept says that bytes that have been read are not dropped. Set by the owner
	// and by ReadAt on any goroutine (atomic).
	kept atomic.Bool
}

// lastOp is what the last operation on a Buffer was: the size of the rune if it
// read one, or one of the constants.
type lastOp int8

const (
	opOther lastOp = 0  // Nothing that can be unread.
	opRead  lastOp = -1 // Read at least one byte.
	opWrite lastOp = -2 // Wrote: a file's position would be at the end.
)

// rewindMin is how many bytes must have been read before an empty Buffer starts
// over at the front while there is still capacity. Below, a rewind costs more
// than the bytes are worth; far above, a pipe of small messages would use as much
// memory, and cache, as the capacity.
const rewindMin = 64 << 10

// NewBuffer returns a Buffer that holds a copy of buf, which stays the caller's.
// Unlike bytes.NewBuffer it does not use buf's spare capacity. Panics if the
// memory cannot be had, with an error that wraps bytes.ErrTooLarge.
func NewBuffer(buf []byte) *Buffer { return newBuffer(buf) }

// NewBufferString is [NewBuffer] with a string.
func NewBufferString(s string) *Buffer { return newBuffer(s) }

func newBuffer[T text](content T) *Buffer {
	b := new(Buffer)
	if _, err := writeSlow(b, content); err != nil {
		if b.arena != nil {
			_ = b.arena.Free() // Has no file to be cut.
		}
		panic(fmt.Errorf("arena: NewBuffer of %d bytes: %w: %w", len(content), bytes.ErrTooLarge, err))
	}
	b.last = opOther
	return b
}

// NewBufferIn returns a Buffer over a, holding what a holds. The arena is the
// Buffer's to write to from now on: its Alloc, Truncate, Reset and Trim are for
// when no Buffer writes to it any more. Panics if a has been freed.
func NewBufferIn(a *Arena) *Buffer {
	b := &Buffer{arena: a, onFile: a.onFile()}
	b.kept.Store(b.onFile)
	return b
}

// onFile reports whether the arena is on a file of the caller's. Panics after Free.
func (a *Arena) onFile() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.load()
	return !a.file.Memfd()
}

// Arena returns the arena the bytes are in, or nil as long as a zero Buffer has
// not needed one; Grow(1) makes sure that it has.
func (b *Buffer) Arena() *Arena { return b.arena }

// Free frees the arena: [Arena.Free]. Neither the Buffer nor slices of it may be
// used any more. A zero Buffer that has no arena has nothing to free and stays as
// it is. Nothing else frees it: the collector cannot know who still holds a slice.
func (b *Buffer) Free() error {
	if b.arena == nil {
		return nil
	}
	return b.arena.Free()
}

// Bytes returns the unread bytes, b.Len() of them. See the type for how long they
// stay as they are.
func (b *Buffer) Bytes() []byte {
	if b.arena == nil {
		return nil
	}
	end := int(b.arena.length.Load())
	if v := b.arena.mapping.View(); b.off < min(end, v.Cap) {
		return v.Slice(b.off, end-b.off)
	}
	return b.arena.load().Slice(end, 0) // Or a panic: after Free the capacity is 0.
}

// String returns the unread bytes as a string, and "<nil>" if b is nil.
func (b *Buffer) String() string {
	if b == nil {
		return "<nil>"
	}
	return string(b.Bytes())
}

// Len returns the number of unread bytes: from the position to the end.
func (b *Buffer) Len() int { return max(b.end()-b.off, 0) }

// end returns the number of bytes held.
func (b *Buffer) end() int {
	if b.arena == nil {
		return 0
	}
	return b.arena.Len()
}

// Cap returns the capacity of the arena: the unread bytes, those before them that
// are still held, and Available.
func (b *Buffer) Cap() int {
	if b.arena == nil {
		return 0
	}
	return b.arena.Cap()
}

// gap returns how far the position is beyond the end, if it is: what the next
// write fills with zeros.
func (b *Buffer) gap() int {
	if !b.seeked {
		return 0
	}
	return max(b.off-b.end(), 0)
}

// Available returns how many bytes can be written behind the last, or at a
// position beyond it, without growing.
func (b *Buffer) Available() int {
	if b.arena == nil {
		return 0
	}
	return max(b.arena.load().Ready-b.end()-b.gap(), 0)
}

// AvailableBuffer returns an empty slice of capacity b.Available(), to be appended
// to and passed to the Write that follows immediately.
func (b *Buffer) AvailableBuffer() []byte {
	n := b.Available()
	if n == 0 {
		return nil
	}
	v := b.arena.load()
	b.arena.lend(v.Ready)
	return v.Slice(v.Ready-n, n)[:0]
}

// lend notes that [length, to) may hold bytes that nobody has published: whoever
// hands them out clears them first.
func (a *Arena) lend(to int) {
	for {
		dirty := a.dirty.Load()
		if int64(to) <= dirty || a.dirty.CompareAndSwap(dirty, int64(to)) {
			return
		}
	}
}

// Reset empties the Buffer and makes it what it was when it was new, but keeps
// the memory; to give that back, follow with Arena().Trim.
func (b *Buffer) Reset() {
	if b.arena != nil {
		b.arena.Reset()
	}
	b.off, b.last, b.seeked = 0, opOther, false
	b.kept.Store(b.onFile)
}

// Truncate drops all but the first n unread bytes; those before them that are
// held stay, but Truncate(0) is Reset. Panics if n is negative or above b.Len().
func (b *Buffer) Truncate(n int) {
	if n == 0 {
		b.Reset()
		return
	}
	if n < 0 || n > b.Len() {
		panic(fmt.Sprintf("arena: Buffer.Truncate to %d bytes: %d are unread", n, b.Len()))
	}
	b.noUnread()
	b.arena.Truncate(b.off + n)
}

// Grow makes sure that n more bytes can be written without growing. Panics if n
// is negative, and, with an error that wraps bytes.ErrTooLarge and what
// [Buffer.TryGrow] returns, if the memory cannot be had.
func (b *Buffer) Grow(n int) {
	if err := b.TryGrow(n); err != nil {
		panic(fmt.Errorf("arena: Buffer.Grow by %d bytes: %w: %w", n, bytes.ErrTooLarge, err))
	}
}

// TryGrow is [Buffer.Grow] with an error instead of a panic where the memory
// cannot be had. Content and slices are as before then.
func (b *Buffer) TryGrow(n int) error {
	if n < 0 {
		panic(fmt.Sprintf("arena: Buffer.Grow by %d bytes", n))
	}
	if n == 0 && b.arena == nil {
		return nil
	}
	// Both are at most MaxInt, so the sum is negative where it overflows.
	if n += b.gap(); n < 0 {
		n = math.MaxInt
	}
	_, _, err := b.makeRoom(n)
	return err
}
