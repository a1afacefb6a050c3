//go:build !portable

package arena_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/track"
)

// startTracking tracks an arena, and skips the test where that cannot be had.
func startTracking(t *testing.T, a *arena.Arena) {
	t.Helper()
	err := a.Track()
	if errors.Is(err, track.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// memory is an io.WriterAt that grows, and fails when it is told to.
type memory struct {
	mu   sync.Mutex
	b    []byte
	n    int // calls to come before one fails; 0: none
	fail error
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n > 0 {
		if m.n--; m.n == 0 {
			return 0, m.fail
		}
	}
	if end := int(off) + len(p); end > len(m.b) {
		m.b = append(m.b, make([]byte, end-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

func alloc(t *testing.T, a *arena.Arena, n int) []byte {
	t.Helper()
	b, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkpoint(t *testing.T, a *arena.Arena, dst io.WriterAt, o arena.CheckpointOptions) *arena.Checkpoint {
	t.Helper()
	c, err := a.Checkpoint(dst, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCheckpoint_File: a file has the arena, holes included, as long as it is, an incremental
// checkpoint writes the pages that were written since, and Restore has it all again.
func TestCheckpoint_File(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	startTracking(t, a)
	b := alloc(t, a, 9<<20)
	rand.NewChaCha8([32]byte{1}).Read(b[:1<<20])
	b[8<<20] = 7
	if _, err := a.AllocSparse(1000); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	same := func(what string) {
		t.Helper()
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, a.Bytes()) {
			t.Errorf("%s: %v, the file has %d bytes, the arena %d; the first that differs is %d", what, err, len(got), a.Len(), differs(got, a.Bytes()))
		}
	}
	first := checkpoint(t, a, f, arena.CheckpointOptions{})
	same("full")
	if first.Len != a.Len() {
		t.Errorf("the checkpoint has %d bytes, the arena %d", first.Len, a.Len())
	}
	b[5000]++
	b[3<<20]++ // A hole until now.
	other, err := os.Create(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := a.Checkpoint(other, arena.CheckpointOptions{Since: first}); err == nil || !strings.Contains(err.Error(), "has 0 bytes") {
		t.Errorf("into a file that has not the first: %v", err)
	}
	second := checkpoint(t, a, f, arena.CheckpointOptions{Since: first})
	same("incremental")
	if most := int64(3 * os.Getpagesize()); second.Copied > most { // And the page it ends in.
		t.Errorf("of two pages %d bytes were written, at most %d were to be", second.Copied, most)
	}
	if _, err := a.Checkpoint(f, arena.CheckpointOptions{Since: first}); err == nil || !strings.Contains(err.Error(), "not the last checkpoint") {
		t.Errorf("since one that is not the last: %v", err)
	}

	into := newArena(t, arena.Options{})
	defer free(t, into)
	if err := into.Restore(f, second.Len); err != nil || !bytes.Equal(into.Bytes(), a.Bytes()) {
		t.Errorf("restored: %v, %d bytes", err, into.Len())
	}
	empty := newArena(t, arena.Options{})
	defer free(t, empty)
	if err := empty.Restore(f, second.Len+1); !errors.Is(err, io.ErrUnexpectedEOF) || empty.Len() != 0 {
		t.Errorf("of a byte that the file has not: %v, %d bytes", err, empty.Len())
	}
}

// TestCheckpoint_Sparse: what takes no memory takes none by being copied, neither here nor in a new file.
func TestCheckpoint_Sparse(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	startTracking(t, a)
	b, err := a.AllocSparse(40 << 20)
	if err != nil {
		t.Fatal(err)
	}
	b[20<<20] = 1
	before := a.Stats().Committed
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := checkpoint(t, a, f, arena.CheckpointOptions{})
	if now := a.Stats().Committed; now > before || c.Copied > 4<<20 {
		t.Errorf("the arena holds %d bytes, before %d; %d bytes were written", now, before, c.Copied)
	}
	// To what may have other bytes zeros are written.
	m := &memory{b: bytes.Repeat([]byte{1}, a.Len())}
	checkpoint(t, a, m, arena.CheckpointOptions{})
	if now := a.Stats().Committed; now > before || !bytes.Equal(m.b[:1<<20], make([]byte, 1<<20)) || m.b[20<<20] != 1 {
		t.Errorf("the arena holds %d bytes, before %d", now, before)
	}
}

func differs(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestCheckpoint_Model: whatever is done to an arena, on all rungs, under all pointer rules, with writes through old
// windows that are held and given up, what a checkpoint has written is the arena, also after others that failed.
func TestCheckpoint_Model(t *testing.T) {
	steps := 150
	if testing.Short() {
		steps = 30
	}
	for rung, rungs := range map[string]arena.Rungs{"extend": 0, "rehome": arena.RungRehome | arena.RungAlias, "alias": arena.RungAlias} {
		for rule, set := range rules {
			t.Run(rung+"/"+rule, func(t *testing.T) {
				o := arena.Options{Reserve: 2 << 20, Rungs: rungs}
				set(&o)
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				m := &checkpointModel{t: t, r: rand.New(rand.NewPCG(seed, 1)), a: newArena(t, o), dst: &memory{}}
				startTracking(t, m.a)
				for range steps {
					m.step()
				}
				for len(m.held) > 0 {
					m.unpin(0)
				}
				m.checkpoint()
				free(t, m.a)
				if o.Domain != nil {
					if err := o.Domain.Shutdown(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

type checkpointModel struct {
	t    *testing.T
	r    *rand.Rand
	a    *arena.Arena
	held []arena.Guard // whose windows are written to
	dst  *memory
	last *arena.Checkpoint
}

func (m *checkpointModel) step() {
	a, r := m.a, m.r
	switch k := r.IntN(20); {
	case k < 6:
		m.write(a.Pin())
	case k < 9 && len(m.held) > 0:
		m.store(m.held[r.IntN(len(m.held))])
	case k == 9 && len(m.held) < 4:
		g, err := a.Pin()
		if err != nil {
			m.t.Fatal(err)
		}
		m.held = append(m.held, g)
	case k == 10 && len(m.held) > 0:
		i := r.IntN(len(m.held))
		m.store(m.held[i])
		m.unpin(i)
	case k < 13 && a.Len() < 24<<20:
		if b, err := a.Alloc(r.IntN(3 << 20)); err != nil {
			m.t.Fatal(err)
		} else if a.Domain() == nil && len(b) > 0 {
			b[r.IntN(len(b))] = 1
		}
	case k == 13 && a.Len() < 24<<20:
		if _, err := a.AllocSparse(r.IntN(3 << 20)); err != nil {
			m.t.Fatal(err)
		}
	case k == 14 && a.Len() > 0 && len(m.held) == 0:
		a.Truncate(r.IntN(a.Len()))
		if r.IntN(2) == 0 {
			if err := a.Trim(); err != nil {
				m.t.Fatal(err)
			}
		}
	case k == 15 && a.Len() > 0:
		off := r.IntN(a.Len())
		if err := a.Decommit(off, r.IntN(min(a.Len()-off, 64<<10))); err != nil {
			m.t.Fatal(err)
		}
	case k == 16:
		m.fail()
	case k > 17:
		m.checkpoint()
	}
}

func (m *checkpointModel) write(g arena.Guard, err error) {
	if err != nil {
		m.t.Fatal(err)
	}
	m.store(g)
	g.Unpin()
}

func (m *checkpointModel) store(g arena.Guard) {
	if b := g.Bytes(); len(b) > 0 {
		for range 1 + m.r.IntN(3) {
			b[m.r.IntN(len(b))]++
		}
	}
}

func (m *checkpointModel) unpin(i int) {
	m.held[i].Unpin()
	m.held = append(m.held[:i], m.held[i+1:]...)
}

// fail makes a checkpoint that fails: at the destination, or because the writers do not stop.
func (m *checkpointModel) fail() {
	want := errors.New("made to fail")
	dst := &memory{fail: want, n: 1 + m.r.IntN(3)}
	o := arena.CheckpointOptions{Since: m.last}
	if m.r.IntN(2) == 0 {
		dst.n = 0
		o.Quiesce = func() error { return want }
	}
	if _, err := m.a.Checkpoint(dst, o); err != nil && !errors.Is(err, want) {
		m.t.Fatal(err)
	} else if err == nil { // It had less to write.
		m.last = nil
	}
}

func (m *checkpointModel) checkpoint() {
	m.t.Helper()
	o := arena.CheckpointOptions{Since: m.last}
	if m.last == nil || m.r.IntN(3) == 0 {
		m.dst, o.Since = &memory{b: bytes.Repeat([]byte{0xee}, m.r.IntN(30<<20))}, nil
	}
	stopped := false
	o.Quiesce = func() error { stopped = true; return nil }
	o.Resume = func() {
		if !stopped {
			m.t.Error("the writers go on before they have stopped")
		}
		stopped = false
	}
	c, err := m.a.Checkpoint(m.dst, o)
	if err != nil || stopped {
		m.t.Fatalf("%v, stopped: %v", err, stopped)
	}
	m.last = c
	want := m.a.Bytes()
	if c.Len != len(want) || len(m.dst.b) < c.Len || !bytes.Equal(m.dst.b[:c.Len], want) {
		m.t.Fatalf("the checkpoint has %d bytes, the arena %d; the first that differs is %d (incremental: %v)", c.Len, len(want), differs(m.dst.b, want), o.Since != nil)
	}
}

// TestCheckpoint_Since: what an incremental checkpoint must not miss, one by one.
func TestCheckpoint_Since(t *testing.T) {
	page := os.Getpagesize()
	for name, f := range map[string]func(t *testing.T, a *arena.Arena, again func()){
		"an old window that is gone since": func(t *testing.T, a *arena.Arena, again func()) {
			g, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			alloc(t, a, 5<<20) // It moves.
			again()
			g.Bytes()[7*page]++
			g.Unpin()
			if err := a.Domain().Barrier(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
		"an old window that was never looked at": func(t *testing.T, a *arena.Arena, again func()) {
			alloc(t, a, 5<<20)
			g, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			alloc(t, a, 20<<20)
			g.Bytes()[7*page]++
			g.Unpin()
			if err := a.Domain().Barrier(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
		"a write before a move": func(t *testing.T, a *arena.Arena, again func()) {
			a.Bytes()[7*page]++
			alloc(t, a, 5<<20)
		},
		"a write after a move": func(t *testing.T, a *arena.Arena, again func()) {
			alloc(t, a, 5<<20)
			a.Bytes()[7*page]++
			again()
			a.Bytes()[8*page]++
		},
		"a hole": func(t *testing.T, a *arena.Arena, again func()) {
			if err := a.Decommit(7*page-100, 200); err != nil {
				t.Fatal(err)
			}
		},
		"what was given back beyond the length": func(t *testing.T, a *arena.Arena, again func()) {
			n := a.Len()
			a.Truncate(7 * page)
			if err := a.Trim(); err != nil {
				t.Fatal(err)
			}
			if _, err := a.AllocSparse(n - 7*page); err != nil {
				t.Fatal(err)
			}
		},
		"what was beyond the length": func(t *testing.T, a *arena.Arena, again func()) {
			if _, err := a.AllocSparse(100 * page); err != nil {
				t.Fatal(err)
			}
		},
		"the rest of the last page": func(t *testing.T, a *arena.Arena, again func()) {
			alloc(t, a, 100)[99] = 1
			again()
			alloc(t, a, 100)[99] = 1
		},
		"what a checkpoint that failed had found": func(t *testing.T, a *arena.Arena, again func()) {
			a.Bytes()[7*page]++
			if _, err := a.Checkpoint(&memory{}, arena.CheckpointOptions{Quiesce: func() error { return io.EOF }}); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t, arena.Options{Reserve: 2 << 20, Rungs: arena.RungRehome | arena.RungAlias, Retire: true, Headroom: -1})
			defer free(t, a)
			startTracking(t, a)
			rand.NewChaCha8([32]byte{1}).Read(alloc(t, a, 1<<20+100))
			m := &memory{b: bytes.Repeat([]byte{0xee}, 64<<20)}
			last := checkpoint(t, a, m, arena.CheckpointOptions{})
			again := func() {
				t.Helper()
				last = checkpoint(t, a, m, arena.CheckpointOptions{Since: last})
				if !bytes.Equal(m.b[:last.Len], a.Bytes()) {
					t.Errorf("byte %d of %d is wrong", differs(m.b, a.Bytes()), last.Len)
				}
			}
			f(t, a, again)
			again()
		})
	}
}

// TestCheckpoint_Writers: beside writers and growth a checkpoint is the arena as it was when they had stopped.
func TestCheckpoint_Writers(t *testing.T) {
	checkpoints := 6
	if testing.Short() {
		checkpoints = 3
	}
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Reserve: 2 << 20, Rungs: arena.RungRehome | arena.RungAlias}
			set(&o)
			a := newArena(t, o)
			startTracking(t, a)
			alloc(t, a, 4<<20)
			var world sync.RWMutex // Held shared for a write.
			var over atomic.Bool
			var wg sync.WaitGroup
			for i := range 2 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					for n := 0; !over.Load() && n < 3000; n++ {
						world.RLock()
						if i == 0 && n%100 == 0 && a.Len() < checkpoints*(6<<20) {
							if _, err := a.Alloc(1 << 20); err != nil {
								t.Error(err)
							}
						}
						if err := a.Read(func(b []byte) error { b[r.IntN(len(b)/2)*2+i]++; return nil }); err != nil {
							t.Error(err)
						}
						world.RUnlock()
					}
				})
			}
			dst := &memory{}
			var last *arena.Checkpoint
			for i := range checkpoints {
				var want []byte
				c, err := a.Checkpoint(dst, arena.CheckpointOptions{Since: last, Resume: world.Unlock, Quiesce: func() error {
					world.Lock()
					want = bytes.Clone(a.Bytes())
					return nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				if c.Len != len(want) || !bytes.Equal(dst.b[:c.Len], want) {
					t.Fatalf("checkpoint %d differs from byte %d on", i, differs(dst.b, want))
				}
				last = c
			}
			over.Store(true)
			wg.Wait()
			a.Untrack()
			free(t, a)
			if o.Domain != nil {
				if err := o.Domain.Shutdown(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestTrack_Unseen: what could be written unseen is refused, on both sides.
func TestTrack_Unseen(t *testing.T) {
	a := newArena(t, arena.Options{})
	b := alloc(t, a, 1<<20)
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, arena.ErrTracked) {
			t.Errorf("%s: %v, want ErrTracked", what, err)
		}
	}
	startTracking(t, a)
	a.Untrack()

	alias, err := a.Alias(arena.AliasOptions{})
	if err != nil {
		t.Fatal(err)
	}
	refused("Track with an alias", a.Track())
	alias.Release()
	of, err := arena.AliasOf(b, arena.AliasOfOptions{})
	if err != nil {
		t.Fatal(err)
	}
	refused("Track with a mapping that others made", a.Track())
	of.Release()
	alias, err = a.Alias(arena.AliasOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer alias.Release()

	startTracking(t, a)
	refused("Track twice", a.Track())
	_, err = a.Alias(arena.AliasOptions{})
	refused("Alias", err)
	_, err = arena.AliasOf(b[5000:9000], arena.AliasOfOptions{})
	refused("AliasOf", err)
	_, err = a.WritableFile()
	refused("WritableFile", err)
	of, err = arena.AliasOf(b, arena.AliasOfOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	of.Release()
	a.Untrack()

	f, err := a.WritableFile()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	refused("Track after WritableFile", a.Track())
	free(t, a)

	path := filepath.Join(t.TempDir(), "data")
	if f, err = os.Create(path); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a = newArena(t, arena.Options{File: f})
	defer free(t, a)
	refused("Track of a caller's file", a.Track())
}

// TestTrack_Misuse: the documented panics, and Free while tracking.
func TestTrack_Misuse(t *testing.T) {
	a := newArena(t, arena.Options{Retire: true})
	alloc(t, a, 3<<20)
	mustPanic(t, "Untrack", func() { a.Untrack() })
	mustPanic(t, "Checkpoint", func() { _, _ = a.Checkpoint(&memory{}, arena.CheckpointOptions{}) })
	mustPanic(t, "Restore", func() { _ = a.Restore(bytes.NewReader(nil), 0) })
	startTracking(t, a)
	g, err := a.Pin()
	if err != nil {
		t.Fatal(err)
	}
	// Free beside a checkpoint, whose destination waits for it.
	freed := make(chan struct{})
	_, err = a.Checkpoint(writerFunc(func(p []byte, off int64) (int, error) {
		if freed != nil {
			free(t, a)
			freed = nil
		}
		return len(p), nil
	}), arena.CheckpointOptions{})
	if !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("a checkpoint beside Free: %v", err)
	}
	g.Bytes()[0] = 1
	g.Unpin()
	mustPanic(t, "after Free", func() { _ = a.Track() })
}

type writerFunc func(p []byte, off int64) (int, error)

func (f writerFunc) WriteAt(p []byte, off int64) (int, error) { return f(p, off) }

// TestCheckpoint_Destination: the error names the offset, Resume is called once, and the arena goes on.
func TestCheckpoint_Destination(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	startTracking(t, a)
	alloc(t, a, 10<<20)[0] = 1
	full := errors.New("full")
	resumed := 0
	o := arena.CheckpointOptions{Quiesce: func() error { return nil }, Resume: func() { resumed++ }}
	_, err := a.Checkpoint(&memory{n: 2, fail: full}, o)
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "at offset 4096") && os.Getpagesize() == 4096 || resumed != 0 {
		t.Errorf("%v, resumed %d times", err, resumed)
	}
	// A file system that is full.
	dev, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer dev.Close()
	if _, err := a.Checkpoint(dev, o); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full device: %v", err)
	}
	o.Quiesce = func() error { return full }
	if _, err := a.Checkpoint(&memory{}, o); !errors.Is(err, full) || resumed != 0 {
		t.Errorf("%v, resumed %d times", err, resumed)
	}
	o.Quiesce = nil
	m := &memory{}
	if c := checkpoint(t, a, m, o); !bytes.Equal(m.b[:c.Len], a.Bytes()) || resumed != 1 {
		t.Errorf("resumed %d times", resumed)
	}
}

// TestCheckpoint_Faults: each system call may fail: the checkpoint fails, or it is right, and the next one is.
func TestCheckpoint_Faults(t *testing.T) {
	a := newArena(t, arena.Options{Reserve: 2 << 20, Rungs: arena.RungRehome | arena.RungAlias})
	defer free(t, a)
	startTracking(t, a)
	a.Untrack()
	alloc(t, a, 1<<20)
	for n := 0; ; n++ {
		var err error
		m := &memory{}
		made := testutil.Tap(func() {
			if err = a.Track(); err == nil {
				alloc(t, a, 100<<10)[1]++ // Moves now and then.
				_, err = a.Checkpoint(m, arena.CheckpointOptions{})
			}
		}, func(made int, c sys.Call) syscall.Errno {
			if errnos := testutil.Errnos(c); made == n && len(errnos) > 0 && c != sys.CallMemfdCreate {
				return errnos[0]
			}
			return 0
		})
		if err == nil && !bytes.Equal(m.b, a.Bytes()) {
			t.Fatalf("call %d, %v: nothing was told, and byte %d is wrong", n, made[n], differs(m.b, a.Bytes()))
		}
		if tracked := errors.Is(a.Track(), arena.ErrTracked); !tracked {
			if err == nil {
				t.Fatalf("call %d: not tracked", n)
			}
		}
		a.Bytes()[n]++
		if checkpoint(t, a, m, arena.CheckpointOptions{}); !bytes.Equal(m.b, a.Bytes()) {
			t.Fatalf("after call %d, %v: byte %d is wrong", n, made[n], differs(m.b, a.Bytes()))
		}
		a.Untrack()
		if n >= len(made) {
			break
		}
	}
}

// TestTrack_CostsNothing: neither while it is tracked nor else does Alloc call the system or allocate.
func TestTrack_CostsNothing(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	alloc(t, a, 1<<20)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := a.Alloc(64); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	startTracking(t, a)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := a.Alloc(64); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations while it is tracked", n)
	}
	if calls := testutil.CountCalls(func() { _, _ = a.Alloc(64) }); len(calls) > 0 {
		t.Errorf("calls: %v", fmt.Sprint(calls))
	}
}

// TestCheckpoint_CutMeanwhile: what was cut off while it was to be copied, and handed out again as a gap that nobody
// writes to, is in the copy.
func TestCheckpoint_CutMeanwhile(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	startTracking(t, a)
	rand.NewChaCha8([32]byte{1}).Read(alloc(t, a, 9<<20))
	var image memory
	cut := false
	dst := writerFunc(func(p []byte, off int64) (int, error) {
		if !cut {
			cut = true
			a.Truncate(4<<20 + 1)
		}
		return image.WriteAt(p, off)
	})
	checkpoint(t, a, dst, arena.CheckpointOptions{Quiesce: func() error {
		_, err := a.AllocAligned(1, 2<<20)
		return err
	}})
	if !bytes.Equal(image.b[:a.Len()], a.Bytes()) {
		t.Errorf("byte %d is wrong", differs(image.b, a.Bytes()))
	}
}

// TestCheckpoint_SinceAfterFault: what a checkpoint has found in one window, and forgets as it fails in another, is in
// the next incremental one.
func TestCheckpoint_SinceAfterFault(t *testing.T) {
	a := newArena(t, arena.Options{Reserve: 2 << 20, Rungs: arena.RungAlias, HugePages: arena.HugeNever})
	defer free(t, a)
	first := alloc(t, a, 1<<20)
	for a.Stats().Windows < 3 {
		alloc(t, a, 2<<20)
	}
	startTracking(t, a)
	m := &memory{}
	last := checkpoint(t, a, m, arena.CheckpointOptions{})
	for n := 0; ; n++ {
		first[n*os.Getpagesize()]++
		a.Bytes()[a.Len()-1-n*os.Getpagesize()]++
		var c *arena.Checkpoint
		var err error
		scans := 0
		testutil.Tap(func() { c, err = a.Checkpoint(m, arena.CheckpointOptions{Since: last}) }, func(_ int, call sys.Call) syscall.Errno {
			if call != sys.CallPagemapScan {
				return 0
			}
			if scans++; scans-1 != n {
				return 0
			}
			return syscall.EFAULT // No other is known to be no reason for an error.
		})
		if (err == nil) != (n >= scans) {
			t.Fatalf("scan %d of %d failed: %v", n, scans, err)
		}
		if err == nil {
			last = c
		} else {
			last = checkpoint(t, a, m, arena.CheckpointOptions{Since: last})
		}
		if !bytes.Equal(m.b, a.Bytes()) {
			t.Fatalf("after scan %d failed (%v): byte %d is wrong", n, err, differs(m.b, a.Bytes()))
		}
		if err == nil {
			break
		}
	}
}
