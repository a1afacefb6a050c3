//go:build !portable && !exploreshm

package shm

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// droppable is kinds, of buffers whose front can be dropped.
func droppable(t *testing.T, f func(t *testing.T, o Options)) {
	kinds(t, func(t *testing.T, o Options) {
		o.Droppable, o.Arena = true, arena.Options{Reserve: 2 << 20, HugePages: arena.HugeNever}
		f(t, o)
	})
}

// holds returns how many bytes of memory, or disk, the data of w takes.
func holds(t *testing.T, w *Writer) int {
	t.Helper()
	info, err := sys.Stat(fdOf(w.data))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Allocated)
}

// TestDropFront plays appends, drops and guards at random beside a model of two numbers, through
// many windows. What is live is right, what is dropped is told, and its memory is given back.
func TestDropFront(t *testing.T) {
	droppable(t, func(t *testing.T, o Options) {
		w := create(t, o)
		f := follower(t, w, FollowOptions{Reserve: 2 << 20, Retire: true})
		type held struct {
			g          Guard
			front, end int
		}
		var guards []held
		front, end := 0, 0
		rng, steps := rand.New(rand.NewPCG(1, 2)), 400
		if testing.Short() {
			steps = 100
		}
		for range steps {
			switch k := rng.IntN(8); {
			case k < 3:
				n := rng.IntN(300 << 10)
				if off, err := w.Append(pattern(end, end+n)); off != end || err != nil {
					t.Fatalf("Append: %d, %v, want %d", off, err, end)
				}
				end += n
			case k < 5:
				to := front + rng.IntN(end-front+1)
				if k == 4 {
					to = rng.IntN(front + 1) // What is dropped stays so.
				}
				if err := w.DropFront(to); err != nil {
					t.Fatal(err)
				}
				front = max(front, to)
				live := end - front
				// What memory is prepared ahead, or was read where it had gone, counts as well.
				if n := holds(t, w); n > live+memfile.Granule(live)+2*refilledMost+w.a.Cap()-end {
					t.Fatalf("%d bytes are live of %d, and %d are held", live, end, n)
				}
			case k == 5:
				g, err := f.Pin()
				if err != nil {
					t.Fatal(err)
				}
				if g.Front() != front || g.Len() != end || len(g.Bytes()) != end-front {
					t.Fatalf("[%d, %d), %d bytes, want [%d, %d)", g.Front(), g.Len(), len(g.Bytes()), front, end)
				}
				if at := wrongAt(g.Bytes(), front); at >= 0 {
					t.Fatalf("wrong at %d of [%d, %d)", at, front, end)
				}
				guards = append(guards, held{g, front, end})
			case len(guards) > 0:
				i := rng.IntN(len(guards))
				h := guards[i]
				// Behind the front of now all is as it was.
				if from := max(h.front, front); from < h.end && wrongAt(h.g.Bytes()[from-h.front:], from) >= 0 {
					t.Fatalf("a guard of [%d, %d) is wrong, and the front is %d", h.front, h.end, front)
				}
				for _, off := range []int{0, h.front, front - 1, front, end} {
					if err := h.g.Check(off); errors.Is(err, ErrDropped) != (off < front) || err != nil && off >= front {
						t.Fatalf("Check(%d) with the front at %d: %v", off, front, err)
					}
				}
				if k == 6 {
					if err := h.g.Refresh(); err != nil || h.g.Front() != front || h.g.Len() != end || wrongAt(h.g.Bytes(), front) >= 0 {
						t.Fatalf("refreshed: [%d, %d), %v, want [%d, %d)", h.g.Front(), h.g.Len(), err, front, end)
					}
				}
				h.g.Unpin()
				guards = append(guards[:i], guards[i+1:]...)
			}
		}
		for _, h := range guards {
			h.g.Unpin()
		}
		if w.Front() != front || f.Front() > front {
			t.Errorf("fronts %d and %d, want %d", w.Front(), f.Front(), front)
		}
	})
}

// TestDropFront_Misuse: what cannot be dropped is an error that changes nothing.
func TestDropFront_Misuse(t *testing.T) {
	w := create(t, Options{Droppable: true})
	write(t, w, 100)
	for _, to := range []int{-1, 101, math.MinInt, math.MaxInt} {
		if err := w.DropFront(to); !errors.Is(err, ErrRange) || w.Front() != 0 {
			t.Errorf("DropFront(%d): %v, the front is %d", to, err, w.Front())
		}
	}
	if err := w.KeepLast(-1); !errors.Is(err, ErrRange) {
		t.Errorf("KeepLast(-1): %v", err)
	}
	for _, keep := range []struct{ n, front int }{{math.MaxInt, 0}, {100, 0}, {30, 70}, {50, 70}, {0, 100}} {
		if err := w.KeepLast(keep.n); err != nil || w.Front() != keep.front {
			t.Errorf("KeepLast(%d): %v, the front is %d, want %d", keep.n, err, w.Front(), keep.front)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.DropFront(1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		write(t, w, 100)
		f := follower(t, w, FollowOptions{})
		if err := w.DropFront(50); !errors.Is(err, ErrShared) {
			t.Errorf("of a buffer that is not droppable: %v", err)
		}
		g, err := f.Pin()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Unpin()
		if err := g.Check(0); err != nil || g.Front() != 0 || wrongAt(g.Bytes(), 0) >= 0 {
			t.Errorf("front %d, %v", g.Front(), err)
		}
	})
}

// TestDropFront_Reading: who is reading when the front passes him has an error, never zeros that
// look like data.
func TestDropFront_Reading(t *testing.T) {
	droppable(t, func(t *testing.T, o Options) {
		const total = 3 << 20
		w := create(t, o)
		f := follower(t, w, FollowOptions{})
		write(t, w, total)
		dropAll := func() {
			t.Helper()
			if err := w.DropFront(w.Published()); err != nil {
				t.Fatal(err)
			}
		}

		// In place: f's own error, or none, does not count.
		for _, own := range []error{nil, io.ErrUnexpectedEOF} {
			before := w.Front()
			err := f.Read(func(b []byte) error {
				if len(b) != w.Published()-before || wrongAt(b, before) >= 0 {
					t.Errorf("%d bytes from %d on are wrong", len(b), before)
				}
				dropAll()
				if b[0] != 0 {
					t.Error("the memory is still there")
				}
				return own
			})
			if !errors.Is(err, ErrDropped) || errors.Is(err, ErrCorrupt) {
				t.Errorf("Read: %v", err)
			}
			write(t, w, total)
		}

		// Copied: what is delivered is right.
		r := f.NewReader(soon(t), w.Front())
		b := make([]byte, 1000)
		if n, err := r.Read(b); n != len(b) || err != nil || wrongAt(b, w.Front()) >= 0 {
			t.Errorf("Read: %d, %v", n, err)
		}
		at := r.Offset()
		n, err := r.WriteTo(writerFunc(func(p []byte) (int, error) {
			dropAll()
			if wrongAt(p, at) >= 0 {
				t.Errorf("%d bytes from %d on are wrong", len(p), at)
			}
			return len(p), nil
		}))
		if n == 0 || r.Offset() != at+int(n) || !errors.Is(err, ErrDropped) {
			t.Errorf("WriteTo: %d bytes, %v", n, err)
		}
		if n, err := r.Read(b); n != 0 || !errors.Is(err, ErrDropped) {
			t.Errorf("Read of what is dropped: %d, %v", n, err)
		}
		if n, err := r.ReadAt(b, 0); n != 0 || !errors.Is(err, ErrDropped) {
			t.Errorf("ReadAt of what is dropped: %d, %v", n, err)
		}

		// One that begins at the front goes on.
		write(t, w, 10)
		from := w.Front()
		r = f.NewReader(soon(t), from)
		if n, err := r.Read(b); n != 10 || err != nil || wrongAt(b[:n], from) >= 0 {
			t.Errorf("Read from the front on: %d, %v", n, err)
		}
		if n, err := r.ReadAt(b, int64(from)); n != 10 || err != io.EOF || wrongAt(b[:n], from) >= 0 {
			t.Errorf("ReadAt from the front on: %d, %v", n, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Read(b); n != 0 || err != io.EOF {
			t.Errorf("Read at the end: %d, %v", n, err)
		}
	})
}

// writerFunc is a function that is an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestDropFront_Refilled: what followers take memory for again, by reading where it is gone, is
// given back with what is dropped next.
func TestDropFront_Refilled(t *testing.T) {
	w := create(t, Options{Droppable: true, Arena: arena.Options{HugePages: arena.HugeNever, Headroom: -1}})
	f := follower(t, w, FollowOptions{})
	write(t, w, 8<<20)
	g, err := f.Pin()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Unpin()
	if err := w.DropFront(8 << 20); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(g.Bytes(), []byte{0}); n != 8<<20 {
		t.Errorf("%d bytes are zero", n)
	}
	before := holds(t, w)
	write(t, w, 1<<20)
	if err := w.DropFront(9 << 20); err != nil {
		t.Fatal(err)
	}
	if after := holds(t, w); before < 8<<20 || after > 3<<20 {
		t.Errorf("held are %d bytes, and %d after the next drop", before, after)
	}
}

// TestDropFront_Seals: who gets the files can neither cut them nor take the right to drop.
func TestDropFront_Seals(t *testing.T) {
	w := create(t, Options{Droppable: true})
	write(t, w, 100)
	if err := w.data.Truncate(0); err == nil {
		t.Error("the data can be cut")
	}
	if err := sys.Seal(fdOf(w.data), sys.SealFutureWrite); err == nil {
		t.Error("the data can be sealed")
	}
	f := follower(t, w, FollowOptions{})
	if !f.Sealed() {
		t.Error("a follower does not know that it is sealed")
	}
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if _, err := files[fileData].WriteAt([]byte{1}, 0); err == nil {
		t.Error("the descriptor for followers writes")
	}
	if info, err := sys.Stat(fdOf(w.data)); err != nil || info.Perm != 0o600 {
		t.Errorf("mode %o, %v", info.Perm, err)
	}
}

// TestDropFront_Disk: on a disk the front is synced before anything goes, and nothing goes if it
// cannot be.
func TestDropFront_Disk(t *testing.T) {
	w := create(t, Options{Dir: diskDir(t), Name: "x", Droppable: true})
	write(t, w, 1<<20)
	for _, refuse := range []syscall.Errno{syscall.EIO, 0} {
		var err error
		calls := testutil.Tap(func() { err = w.DropFront(512 << 10) }, func(_ int, c sys.Call) syscall.Errno {
			if c == sys.CallFsync {
				return refuse
			}
			return 0
		})
		synced, punched := slices.Index(calls, sys.CallFsync), slices.Index(calls, sys.CallPunch)
		if refuse != 0 && (!errors.Is(err, refuse) || punched >= 0) {
			t.Errorf("%v, calls %v: want nothing given back", err, calls)
		}
		if refuse == 0 && (err != nil || synced < 0 || punched < synced) {
			t.Errorf("%v, calls %v: want a sync and then a hole", err, calls)
		}
	}
}

// TestDropFront_Refused: what the system does not give back now it gives back with the next drop.
func TestDropFront_Refused(t *testing.T) {
	w := create(t, Options{Droppable: true, Arena: arena.Options{HugePages: arena.HugeNever, Headroom: -1}})
	f := follower(t, w, FollowOptions{})
	write(t, w, 4<<20)
	restore := testutil.FailAll(sys.CallPunch, syscall.ENOMEM)
	err := w.DropFront(2 << 20)
	restore()
	if !errors.Is(err, syscall.ENOMEM) || w.Front() != 2<<20 {
		t.Errorf("%v, the front is %d", err, w.Front())
	}
	g, err := f.Pin()
	if err != nil || g.Front() != 2<<20 {
		t.Fatalf("front %d, %v", g.Front(), err)
	}
	defer g.Unpin()
	before := holds(t, w)
	if err := w.DropFront(2 << 20); err != nil {
		t.Error(err)
	}
	if after := holds(t, w); before-after < 1<<20 {
		t.Errorf("held are %d bytes, and %d after the next drop", before, after)
	}
	if at := wrongAt(g.Bytes(), g.Front()); at >= 0 {
		t.Errorf("wrong at %d", at)
	}
}

// TestDropFront_NoHoles: where the file system knows none the front moves and the memory stays.
func TestDropFront_NoHoles(t *testing.T) {
	w := create(t, Options{Droppable: true})
	write(t, w, 4<<20)
	restore := testutil.FailAll(sys.CallPunch, syscall.EOPNOTSUPP)
	err := w.DropFront(3 << 20)
	restore()
	if err != nil || w.Front() != 3<<20 || holds(t, w) < 4<<20 {
		t.Errorf("%v, the front is %d, %d bytes are held", err, w.Front(), holds(t, w))
	}
	if err := w.DropFront(4 << 20); err != nil || holds(t, w) > 3<<20 {
		t.Errorf("%v, %d bytes are held", err, holds(t, w))
	}
}

// TestDropFront_Full: reading what is dropped is a fault where the file system has no memory for
// its zeros; that is what was dropped, and no corrupt buffer.
func TestDropFront_Full(t *testing.T) {
	m := mounted(t, MountOptions{Size: 8 << 20})
	w := create(t, Options{Dir: m.Dir(), Name: "x", Droppable: true, Arena: arena.Options{HugePages: arena.HugeNever, Headroom: -1}})
	f, err := Open(m.Dir(), "x", FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, w, 4<<20)
	faulted := true
	err = f.Read(func(b []byte) error {
		if err := w.DropFront(4 << 20); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(filepath.Join(m.Dir(), "all"), make([]byte, 16<<20), 0o600); !errors.Is(err, sys.ENOSPC) {
			t.Errorf("the file system is not full: %v", err)
		}
		bytes.Count(b, []byte{0})
		faulted = false
		return nil
	})
	if !errors.Is(err, ErrDropped) || errors.Is(err, ErrCorrupt) || !faulted {
		t.Errorf("%v (a fault: %t)", err, faulted)
	}
}

// TestDropFront_TakeOver: the next writer goes on with the front where it was, and gives back what
// the one before has left; what has no memory gets none, also where memory is taken ahead.
func TestDropFront_TakeOver(t *testing.T) {
	for _, commit := range []bool{false, true} {
		t.Run("commit "+strconv.FormatBool(commit), func(t *testing.T) {
			dir := tmpfsDir(t)
			w := create(t, Options{Dir: dir, Name: "x", Droppable: true, Arena: arena.Options{Commit: commit}})
			write(t, w, 16<<20)
			f, err := Open(dir, "x", FollowOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := w.DropFront(12 << 20); err != nil {
				t.Fatal(err)
			}
			abandon(t, w)
			if w, err = TakeOver(Options{Dir: dir, Name: "x", Arena: arena.Options{Commit: commit}}); err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if n := holds(t, w); n > 7<<20 || w.Front() != 12<<20 {
				t.Errorf("%d bytes are held, the front is %d", n, w.Front())
			}
			write(t, w, 1<<20)
			if err := w.DropFront(16 << 20); err != nil {
				t.Error(err)
			}
			if n := holds(t, w); n > 4<<20 {
				t.Errorf("%d bytes are held with 1 MiB live", n)
			}
			all, err := List(dir)
			if err != nil || len(all) != 1 || all[0].Front != 16<<20 || all[0].Published != 17<<20 {
				t.Errorf("List: %+v, %v", all, err)
			}
			g, err := f.Pin()
			if err != nil {
				t.Fatal(err)
			}
			defer g.Unpin()
			if g.Front() != 16<<20 || g.Len() != 17<<20 || wrongAt(g.Bytes(), g.Front()) >= 0 {
				t.Errorf("[%d, %d), wrong at %d", g.Front(), g.Len(), wrongAt(g.Bytes(), g.Front()))
			}
		})
	}
	defer func() {
		if recover() == nil {
			t.Error("TakeOver with Droppable does not panic")
		}
	}()
	_, _ = TakeOver(Options{Dir: "/", Name: "x", Droppable: true})
}

// TestDropFront_Far: offsets go on behind what any memory holds.
func TestDropFront_Far(t *testing.T) {
	if strconv.IntSize < 64 || testutil.Race {
		t.Skip("it takes addresses")
	}
	shift := 40 // Not a constant, which would not fit 32 bits.
	far := 1 << shift
	w := create(t, Options{Droppable: true})
	f := follower(t, w, FollowOptions{})
	if _, err := w.Arena().AllocSparse(far); err != nil {
		t.Skipf("no room for %d bytes of addresses: %v", far, err)
	}
	w.Publish(far)
	write(t, w, 1000)
	if err := w.DropFront(far); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2000)
	if n, err := f.NewReader(soon(t), f.Front()).Read(b); !errors.Is(err, ErrDropped) && (n != 1000 || err != nil) {
		t.Errorf("Read: %d, %v", n, err)
	}
	if n, err := f.NewReader(soon(t), far).Read(b); n != 1000 || err != nil || wrongAt(b[:n], far) >= 0 {
		t.Errorf("Read at %d: %d, %v", far, n, err)
	}
}

// TestPin_Free: looking at what is live and checking it makes no system call and allocates
// nothing, where the files are sealed.
func TestPin_Free(t *testing.T) {
	w := create(t, Options{Droppable: true})
	write(t, w, 100)
	if err := w.DropFront(50); err != nil {
		t.Fatal(err)
	}
	f := follower(t, w, FollowOptions{})
	look := func() {
		g, err := f.Pin()
		if err != nil || len(g.Bytes()) != 50 || g.Check(50) != nil {
			t.Errorf("%v, %d bytes", err, len(g.Bytes()))
		}
		g.Unpin()
	}
	if calls := testutil.CountCalls(look); len(calls) > 0 {
		t.Errorf("system calls: %v", calls)
	}
	if allocs := testing.AllocsPerRun(100, look); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestAppend_Goroutines: several goroutines append and drop at once; each append is there as a
// whole, where Append says, and those of a goroutine are in order.
func TestAppend_Goroutines(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		f := follower(t, w, FollowOptions{})
		var mu sync.Mutex
		var end int
		where := map[int][]byte{}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				last := -1
				for i := range 200 {
					p := bytes.Repeat([]byte{byte(1 + g)}, 1+(i*37+g)%500)
					off, err := w.Append(p)
					if err != nil || off <= last {
						t.Errorf("Append: %d after %d, %v", off, last, err)
						return
					}
					last = off
					mu.Lock()
					where[off] = p
					end = max(end, off+len(p))
					mu.Unlock()
					if i%50 == 0 {
						if err := w.Sync(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		g, err := f.Pin()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Unpin()
		if g.Len() != end || w.Published() != end {
			t.Fatalf("%d and %d bytes, want %d", g.Len(), w.Published(), end)
		}
		for at := 0; at < end; {
			p := where[at]
			if len(p) == 0 || !bytes.Equal(g.Bytes()[at:at+len(p)], p) {
				t.Fatalf("nothing, or something else, at %d", at)
			}
			at += len(p)
		}
	})
}
