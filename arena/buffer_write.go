package arena

import (
	"unicode/utf8"

	"github.com/growarena/growarena/internal/census"
)

// Write writes p: behind the last byte, or at the position after Seek. It returns
// len(p), or 0 and what [Arena.Grow] returns. Within the capacity it makes no
// system call but those that prepare memory ahead, and allocates nothing. p must
// not be a slice of b itself, except of AvailableBuffer: making room may move it.
func (b *Buffer) Write(p []byte) (n int, err error) {
	if a := b.arena; a != nil {
		end := int(a.length.Load())
		// After Free the capacity is 0. A sum could overflow, a difference not.
		if v := a.mapping.View(); len(p) <= min(b.soft, v.Ready)-end {
			copy(v.Slice(end, len(p)), p)
			// Publish what has been copied. Pairs with Guard.Bytes, which loads the
			// length before the bytes are looked at.
			a.length.Store(int64(end + len(p)))
			b.last = opWrite
			return len(p), nil
		}
	}
	return writeSlow(b, p)
}

// WriteString is [Buffer.Write] with a string.
func (b *Buffer) WriteString(s string) (n int, err error) {
	if a := b.arena; a != nil {
		end := int(a.length.Load())
		if v := a.mapping.View(); len(s) <= min(b.soft, v.Ready)-end {
			copy(v.Slice(end, len(s)), s)
			a.length.Store(int64(end + len(s))) // See Write.
			b.last = opWrite
			return len(s), nil
		}
	}
	return writeSlow(b, s)
}

// WriteByte is [Buffer.Write] with one byte.
func (b *Buffer) WriteByte(c byte) error {
	if a := b.arena; a != nil {
		end := int(a.length.Load())
		if v := a.mapping.View(); end < min(b.soft, v.Ready) {
			v.Slice(end, 1)[0] = c
			a.length.Store(int64(end + 1)) // See Write.
			b.last = opWrite
			return nil
		}
	}
	_, err := writeSlow(b, []byte{c})
	return err
}

// WriteRune is [Buffer.Write] with the UTF-8 encoding of r, or of U+FFFD if r has
// none. It returns the number of bytes.
func (b *Buffer) WriteRune(r rune) (n int, err error) {
	if 0 <= r && r < utf8.RuneSelf {
		if err := b.WriteByte(byte(r)); err != nil {
			return 0, err
		}
		return 1, nil
	}
	var p [utf8.UTFMax]byte
	return b.Write(p[:utf8.EncodeRune(p[:], r)])
}

// text is what can be copied from.
type text interface{ []byte | string }

// writeSlow is Write where more is to be done than to copy: growing, preparing
// memory, dropping what has been read, writing at a position, or panicking.
func writeSlow[T text](b *Buffer, p T) (n int, err error) {
	b.last = opWrite
	if len(p) == 0 {
		return 0, nil
	}
	if b.seeked {
		n, err = writeAt(b, p, b.off)
		b.off += n
		return n, err
	}
	v, end, err := b.makeRoom(len(p))
	b.last = opWrite // Again: makeRoom may have dropped what was read.
	if err != nil {
		return 0, err
	}
	appendText(b, v, end, p)
	return len(p), nil
}

// makeRoom returns the newest view, with room for n bytes behind the end of those
// held, and that end. Bytes that have been read are dropped, where they may be,
// if none is unread; if that makes half of the capacity free, so that on average
// no byte is moved more than once; or if growing fails. After an error the unread
// bytes are where they were, or there are none.
//
// Preconditions: n is not negative.
func (b *Buffer) makeRoom(n int) (v *view, end int, err error) {
	if b.arena == nil {
		if b.arena, err = NewArena(Options{Name: "buffer"}); err != nil {
			return nil, 0, err
		}
		census.Attribute(b.arena, "buffer", "buffer")
	}
	a := b.arena
	v, end = a.load(), a.Len()
	unread := end - b.off
	mayDrop := b.off > 0 && !b.kept.Load()
	if mayDrop && (unread == 0 || n > v.Ready-end && n <= v.Ready/2-unread) {
		b.dropRead(v, end)
		end = a.Len()
	}
	if n <= v.Ready-end {
		return v, end, nil
	}
	if err := a.Grow(n); err == nil {
		return a.load(), end, nil
	} else if !mayDrop || a.Grow(max(n-b.off, 0)) != nil {
		return nil, 0, err
	}
	v = a.load()
	b.dropRead(v, end)
	return v, unread, nil
}

// dropRead moves the unread bytes to the front, in place of those that have been
// read, and makes them all there is.
//
// Preconditions: v is the newest view, end the arena's length, off at most end.
func (b *Buffer) dropRead(v *view, end int) {
	unread := end - b.off
	copy(v.Slice(0, unread), v.Slice(b.off, unread))
	b.arena.Truncate(unread)
	b.off, b.last = 0, opOther
}

// appendText copies p to off and publishes it as the end of the bytes held. It goes
// extent by extent, so that each is prepared ahead of its copy, and a helper can
// prepare the next meanwhile (headroom.go).
//
// Preconditions: v is the newest view; off is at least the arena's length, and the
// bytes between are zero; off+len(p) is at most the capacity.
func appendText[T text](b *Buffer, v *view, off int, p T) {
	for i := 0; i < len(p); {
		n := min(len(p)-i, extentSize-off&(extentSize-1))
		b.arena.cross(v, off, off+n)
		copy(v.Slice(off, n), p[i:])
		i, off = i+n, off+n
	}
	b.publish(v, off)
}

// publish makes end the length, and notes up to where a write is nothing but a
// copy from there: to the capacity, or to the next extent to be prepared.
//
// Preconditions: v is the newest view; all bytes below end have been written.
func (b *Buffer) publish(v *view, end int) {
	b.arena.length.Store(int64(end)) // See Write.
	if !b.seeked {
		b.soft = int(min(int64(v.Ready), b.arena.head.mark(int64(end))))
	}
}
