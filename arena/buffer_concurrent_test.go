package arena_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// TestBuffer_Concurrent writes in every way while others read through pins and
// ReadAt: whatever they see has been written, on every ladder under every rule.
// The race detector sees the locks and counters only; the bytes prove themselves
// by their pattern.
func TestBuffer_Concurrent(t *testing.T) {
	total := 12 * mib
	if testing.Short() {
		total = 3 * mib
	}
	eachLadder(t, func(t *testing.T, o arena.Options) {
		b := newBuffer(t, o)
		a := b.Arena()
		done := make(chan struct{})
		var readers sync.WaitGroup
		for i := range 3 {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			readers.Go(func() {
				buf := make([]byte, 20000)
				for last := 0; ; {
					select {
					case <-done:
						return
					default:
					}
					if i == 0 {
						off := rng.IntN(max(a.Len(), 1))
						n, err := b.ReadAt(buf, int64(off))
						if err != nil && err != io.EOF {
							t.Error(err)
							return
						}
						if bad := check(buf[:n], off); bad >= 0 {
							t.Errorf("byte %d is wrong through ReadAt", bad)
							return
						}
						continue
					}
					g, err := a.Pin()
					if err != nil {
						t.Error(err)
						return
					}
					held := g.Bytes()
					if len(held) < last && i == 1 {
						t.Errorf("%d bytes, there were %d", len(held), last)
					}
					last = len(held)
					// The newest bytes, and some old ones.
					newest := max(0, len(held)-20000)
					off := rng.IntN(newest + 1)
					bad := max(check(held[newest:], newest), check(held[off:min(off+20000, len(held))], off))
					g.Unpin()
					if bad >= 0 {
						t.Errorf("byte %d of %d is wrong", bad, last)
						return
					}
				}
			})
		}
		rng := rand.New(rand.NewPCG(2, 3))
		p := make([]byte, 3*mib)
		for end := 0; end < total && !t.Failed(); {
			q := p[:rng.IntN(1+1<<rng.IntN(18))]
			if rng.IntN(50) == 0 {
				q = p[:2*mib+rng.IntN(mib)]
			}
			fill(q, end)
			var err error
			switch rng.IntN(6) {
			case 0:
				_, err = b.WriteString(string(q))
			case 1:
				_, err = b.ReadFrom(&testutil.Scribbler{R: bytes.NewReader(q), Most: 1 + len(q)/5})
			case 2:
				_, err = b.WriteAt(q, int64(end))
			case 3:
				q = p[:1]
				err = b.WriteByte(pattern(end))
			case 4:
				_, err = b.Write(append(b.AvailableBuffer(), q...))
			default:
				_, err = b.Write(q)
			}
			if err != nil {
				t.Fatal(err)
			}
			if end += len(q); end != a.Len() || end != b.Len() {
				t.Fatalf("wrote %d bytes, Len is %d, the arena's %d", end, b.Len(), a.Len())
			}
		}
		close(done)
		readers.Wait()
	})
}

// TestBuffer_ConcurrentWhole checks that a write is published whole: no reader
// ever sees a part of one, whatever its size and whatever growth it takes.
func TestBuffer_ConcurrentWhole(t *testing.T) {
	const record = 3*mib/2 + 1000
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Reserve: 2 * mib}
			set(&o)
			b := newBuffer(t, o)
			a := b.Arena()
			done := make(chan struct{})
			var reader sync.WaitGroup
			reader.Go(func() {
				p := make([]byte, record)
				for {
					n := a.Len() // Before the view, which then reaches at least as far.
					g, err := a.Pin()
					if err != nil {
						t.Error(err)
						return
					}
					held := g.Bytes()[:n]
					if len(held)%record != 0 || len(held) > 0 && held[len(held)-1] != 'e' {
						t.Errorf("%d bytes are seen, no multiple of %d", len(held), record)
					}
					g.Unpin()
					if got, err := b.ReadAt(p, int64(n)); got%record != 0 {
						t.Errorf("ReadAt reads %d bytes behind %d, %v", got, n, err)
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
			p := bytes.Repeat([]byte{'e'}, record)
			for range 20 {
				write(t, b, p)
			}
			close(done)
			reader.Wait()
		})
	}
}

// TestBuffer_ConcurrentReadAt is for the race detector: the first ReadAts come all
// at once.
func TestBuffer_ConcurrentReadAt(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	write(t, b, []byte("0123456789"))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			var p [1]byte
			if n, err := b.ReadAt(p[:], int64(i)); n != 1 || err != nil || p[0] != '0'+byte(i) {
				t.Errorf("ReadAt: %d, %v, %q", n, err, p)
			}
		})
	}
	all.Wait()
	b.Next(10)
	write(t, b, []byte("more"))
	if b.Arena().Len() != 14 {
		t.Errorf("ReadAt keeps what has been read, but %d bytes are held", b.Arena().Len())
	}
}
