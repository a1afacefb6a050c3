package stream_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestStream_Reuse plays a steady flow beside a model, with guards that are held for a while: what was
// dropped is used again once no guard sees it, never before, functions get zeros, and
// memory does not grow.
func TestStream_Reuse(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, options := range variants {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "default" {
				t.Skip("seconds")
			}
			s := open(t, options())
			rnd := rand.New(rand.NewPCG(3, 4))
			type held struct {
				g    stream.Guard
				want []byte
			}
			var guards []held
			all, piece := []byte(nil), make([]byte, 3*mib) // all that is live
			steps, most := 300, 0
			if testing.Short() || testutil.Race {
				steps = 120
			}
			for step := range steps {
				n := 1 + rnd.IntN(mib)
				if step%20 == 0 {
					n += 2 * mib // Of which not all may be touched.
				}
				end := int(s.Len())
				testutil.Fill(piece[:n], end)
				write := func(b []byte) error {
					if bytes.Count(b, []byte{0}) != len(b) {
						t.Fatalf("step %d: a function gets what was dropped", step)
					}
					copy(b, piece)
					return nil
				}
				switch step % 4 {
				case 0, 1:
					must(s.AppendFunc(n, write))
				case 2:
					must(s.Append(piece[:n]))
				case 3:
					failed := errors.New("failed")
					if off, err := s.AppendFunc(n, func(b []byte) error { _ = write(b); return failed }); off != -1 || err != failed {
						t.Fatalf("step %d: %d, %v", step, off, err)
					}
					must(s.AppendFunc(n, write))
				}
				all = append(all, piece[:n]...)
				if drop := len(all) - 9*mib; drop > 0 {
					if err := s.KeepLast(9 * mib); err != nil {
						t.Fatal(err)
					}
					all = slices.Clone(all[drop:])
				}
				switch {
				case step%16 == 0:
					guards = append(guards, held{must(s.Pin()), all})
				case step%16 == 8:
					h := guards[0]
					if !bytes.Equal(h.g.All(), h.want) {
						t.Fatalf("step %d: a guard of [%d, %d) sees something else", step, h.g.Front(), h.g.Len())
					}
					h.g.Unpin()
					guards = guards[1:]
				case len(guards) == 0:
					if err := s.Domain().Barrier(t.Context()); err != nil {
						t.Fatal(err)
					}
					most = max(most, s.Stats().Committed)
				}
				if step%8 != 0 {
					continue
				}
				if at, b := content(t, s); !bytes.Equal(b, all) {
					t.Fatalf("step %d: from %d on the content is another", step, at)
				}
			}
			for _, h := range guards {
				h.g.Unpin()
			}
			// 9 MiB, an extent at either end, what is kept, and what was taken ahead.
			if st := s.Stats(); st.Recycled < steps/20 || most > 24*mib || st.Moves == 0 {
				t.Errorf("%+v; %d MiB at most", st, most>>20)
			}
		})
	}
}

// TestGroup_Reuse: rows are zero at first also where others were dropped, in all columns, whether
// they are taken one by one or many at once.
func TestGroup_Reuse(t *testing.T) {
	testutil.NeedsMoves(t)
	x := newTable(t, stream.Options{Reserve: 32 * mib})
	rows := func(n int) {
		r := must(x.Begin(n))
		a, b, c, d := x.a.In(r), x.b.In(r), x.c.In(r), x.d.In(r)
		for i := range n {
			if a[i] != 0 || b[i] != 0 || c[i] != [3]uint32{} || d[i] != 0 {
				t.Fatalf("row %d of %d at %d is not zero at first", i, n, r.First())
			}
		}
		must(0, x.write(r))
		if n%5 == 3 {
			r.Cancel()
			return
		}
		r.Publish()
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	total := 40 * mib / 8
	if testing.Short() || testutil.Race {
		total /= 4
	}
	for x.Len() < int64(total) {
		switch n := rnd.IntN(2000); {
		case n == 0:
			rows(3*mib/8 + rnd.IntN(1000)) // More than an extent.
		case n < 200:
			rows(1 + rnd.IntN(10_000))
		default:
			rows(1 + rnd.IntN(10))
		}
		if x.Len()-x.Front() > 5*mib/8 {
			if err := x.KeepLast(4 * mib / 8); err != nil {
				t.Fatal(err)
			}
		}
	}
	g := must(x.Pin())
	defer g.Unpin()
	if row := x.check(t, &g); row >= 0 {
		t.Errorf("row %d is wrong", row)
	}
	if st := x.Stats(); st.Recycled < 5 {
		t.Errorf("%+v", st)
	}
}

// TestStream_ReuseNoHoles: where no holes can be made what was dropped is used again all the same,
// and memory does not grow, also when functions touch next to nothing of much.
func TestStream_ReuseNoHoles(t *testing.T) {
	testutil.NeedsMoves(t)
	restore := testutil.FailAll(sys.CallPunch, syscall.EOPNOTSUPP)
	defer restore()
	s := open(t, stream.Options{Reserve: 64 * mib})
	for range 60 {
		must(s.AppendFunc(5*mib, func(b []byte) error {
			if b[0] != 0 || b[len(b)/2] != 0 || b[len(b)-1] != 0 {
				t.Error("a function gets what was dropped")
			}
			b[0], b[len(b)/2], b[len(b)-1] = 1, 1, 1
			return nil
		}))
		if err := s.KeepLast(5 * mib); err != nil {
			t.Fatal(err)
		}
		if err := s.Domain().Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Recycled < 50 || st.Files != 1 {
		t.Errorf("%+v", st)
	}
}
