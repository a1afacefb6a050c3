package arena_test

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// full makes a Buffer that is filled to its capacity with the pattern.
func full(t testing.TB) *arena.Buffer {
	b := newBuffer(t, arena.Options{Reserve: 2 * mib})
	b.Grow(1)
	p := make([]byte, b.Available())
	fill(p, 0)
	write(t, b, p)
	return b
}

// TestBuffer_WriteRefused lets the system refuse to grow the file: every way to
// write says so, has written what it says, and works again afterwards.
func TestBuffer_WriteRefused(t *testing.T) {
	testutil.NeedsMoves(t)
	p := make([]byte, 3*mib)
	fill(p, 2*mib)
	for name, c := range map[string]struct {
		write func(b *arena.Buffer) (int64, error)
		wrote int64
	}{
		"Write":       {func(b *arena.Buffer) (int64, error) { return count(b.Write(p)) }, 0},
		"WriteString": {func(b *arena.Buffer) (int64, error) { return count(b.WriteString(string(p))) }, 0},
		"WriteByte":   {func(b *arena.Buffer) (int64, error) { return 0, b.WriteByte('x') }, 0},
		"WriteRune":   {func(b *arena.Buffer) (int64, error) { return count(b.WriteRune('x')) }, 0},
		"WriteRune ö": {func(b *arena.Buffer) (int64, error) { return count(b.WriteRune('ö')) }, 0},
		"WriteAt":     {func(b *arena.Buffer) (int64, error) { return count(b.WriteAt(p, 2*mib)) }, 0},
		"ReadFrom":    {func(b *arena.Buffer) (int64, error) { return b.ReadFrom(bytes.NewReader(p)) }, 0},
		"TryGrow":     {func(b *arena.Buffer) (int64, error) { return 0, b.TryGrow(1) }, 0},
		"ReadFrom, some room left": {func(b *arena.Buffer) (int64, error) {
			b.Truncate(2*mib - 100)
			return b.ReadFrom(bytes.NewReader(p[mib-100:])) // The pattern repeats there.
		}, 100},
		"Write at a position": {func(b *arena.Buffer) (int64, error) {
			b.Seek(2*mib-100, io.SeekStart)
			n, err := b.Write(p)
			b.Seek(0, io.SeekStart)
			return int64(n), err
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := full(t)
			want := bytes.Clone(b.Bytes())
			if c.wrote > 0 {
				copy(want[2*mib-100:], p[mib-100:])
			}
			restore := testutil.FailAll(sys.CallFtruncate, syscall.EFBIG)
			n, err := c.write(b)
			restore()
			if n != c.wrote || !errors.Is(err, syscall.EFBIG) {
				t.Errorf("wrote %d bytes, %v", n, err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("content has changed: %d bytes, want %d", b.Len(), len(want))
			}
			b.Seek(0, io.SeekEnd)
			write(t, b, p)
			b.Seek(0, io.SeekStart)
			if !bytes.Equal(b.Bytes(), append(want, p...)) {
				t.Error("content is wrong after writing again")
			}
		})
	}
}

// TestBuffer_Full fills arenas to their limit.
func TestBuffer_Full(t *testing.T) {
	for _, limit := range []int{1, 100, 4096, 3 * mib} {
		b := newBuffer(t, arena.Options{Limit: limit})
		if n, err := b.Write(make([]byte, limit+1)); n != 0 || !errors.Is(err, arena.ErrFull) {
			t.Errorf("limit %d: Write beyond: %d, %v", limit, n, err)
		}
		write(t, b, make([]byte, limit))
		if err := b.WriteByte(0); !errors.Is(err, arena.ErrFull) {
			t.Errorf("limit %d: WriteByte beyond: %v", limit, err)
		}
		b.Next(1)
		if err := b.WriteByte('x'); err != nil || b.Len() != limit {
			t.Errorf("limit %d: WriteByte where one has been read: %v", limit, err)
		}
		b.Reset()
		if n, err := b.ReadFrom(bytes.NewReader(make([]byte, limit+1))); n != int64(limit) || !errors.Is(err, arena.ErrFull) {
			t.Errorf("limit %d: ReadFrom beyond: %d, %v", limit, n, err)
		}
	}
}

// TestBuffer_GrowPanics checks the panics that stand for errors.
func TestBuffer_GrowPanics(t *testing.T) {
	testutil.NeedsMoves(t)
	b := full(t)
	defer testutil.FailAll(sys.CallFtruncate, syscall.EFBIG)()
	for name, f := range map[string]func(){
		"Grow":            func() { b.Grow(1) },
		"NewBuffer":       func() { arena.NewBuffer([]byte("x")) },
		"NewBufferString": func() { arena.NewBufferString("x") },
	} {
		testutil.NoLeaks(t, trim)
		err, _ := panics(t, f).(error)
		if !errors.Is(err, bytes.ErrTooLarge) || !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%s panics with %v", name, err)
		}
	}
}
