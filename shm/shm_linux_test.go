//go:build !portable && !exploreshm

package shm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// kinds are the ways to make a buffer.
func kinds(t *testing.T, f func(t *testing.T, o Options)) {
	t.Run("sealed", func(t *testing.T) { f(t, Options{}) })
	t.Run("unsealed", func(t *testing.T) { f(t, Options{Unsealed: true}) })
	t.Run("tmpfs", func(t *testing.T) { f(t, Options{Dir: tmpfsDir(t), Name: "x"}) })
	t.Run("group", func(t *testing.T) { f(t, Options{Dir: tmpfsDir(t), Name: "x", Perm: 0o640}) })
	t.Run("disk", func(t *testing.T) { f(t, Options{Dir: diskDir(t), Name: "x"}) })
}

// TestGrow: a writer and followers of each pointer rule go through windows of their own, and
// slices from before stay what they were.
func TestGrow(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		o.Arena = arena.Options{Reserve: 2 << 20}
		w := create(t, o)
		domain := epoch.NewDomain(epoch.Options{})
		defer domain.Close()
		followers := []*Follower{
			follower(t, w, FollowOptions{Reserve: 2 << 20}),
			follower(t, w, FollowOptions{Reserve: 2 << 20, Retire: true}),
			follower(t, w, FollowOptions{Reserve: 2 << 20, Domain: domain}),
		}
		type held struct {
			g    Guard
			b    []byte
			want int
		}
		var guards []held
		most := 20 << 20
		if testing.Short() {
			most = 5 << 20
		}
		for n := 1 << 10; n <= most; n = n*4 + 7 {
			write(t, w, n-w.Published())
			for _, f := range followers {
				if got, err := f.Poll(); got != n || err != nil {
					t.Fatalf("Poll: %d, %v; want %d", got, err, n)
				}
				g, err := f.Pin()
				if err != nil {
					t.Fatal(err)
				}
				guards = append(guards, held{g, g.Bytes(), n})
			}
		}
		if g := w.Arena().Stats().Growth; g.Rehomed+g.Aliased == 0 && g.Extended == 0 {
			t.Errorf("the writer has not left its window: %+v", g)
		}
		for _, h := range guards {
			if len(h.b) != h.want || wrongAt(h.b, 0) >= 0 {
				t.Errorf("a slice of %d bytes, of %d, is wrong at %d", len(h.b), h.want, wrongAt(h.b, 0))
			}
			h.g.Unpin()
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, f := range followers {
			if err := f.Wait(soon(t), w.Published()); err != nil {
				t.Error(err)
			}
			if err := f.Wait(soon(t), w.Published()+1); err != io.EOF {
				t.Errorf("behind the end: %v", err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPublish_Free: where nobody waits Publish makes no system call and allocates nothing.
func TestPublish_Free(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		f := follower(t, w, FollowOptions{})
		if _, err := w.Arena().Alloc(1 << 20); err != nil {
			t.Fatal(err)
		}
		n := 0
		if calls := testutil.CountCalls(func() { n++; w.Publish(n) }); len(calls) > 0 {
			t.Errorf("Publish makes system calls: %v", calls)
		}
		if o.Perm == 0 && !o.Unsealed {
			if allocs := testing.AllocsPerRun(100, func() { n++; w.Publish(n) }); allocs != 0 {
				t.Errorf("Publish allocates %v times", allocs)
			}
		}
		if _, err := f.Poll(); err != nil {
			t.Fatal(err)
		}
		if o.Unsealed || o.Dir != "" {
			return
		}
		if allocs := testing.AllocsPerRun(100, func() { _, _ = f.Poll() }); allocs != 0 {
			t.Errorf("Poll allocates %v times", allocs)
		}
		if calls := testutil.CountCalls(func() { _, _ = f.Poll() }); len(calls) > 0 {
			t.Errorf("Poll makes system calls: %v", calls)
		}
	})
}

func TestPublish_Misuse(t *testing.T) {
	w := create(t, Options{})
	write(t, w, 10)
	for _, n := range []int{-1, 9, 11} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Publish(%d) with 10 published of 10", n)
				}
			}()
			w.Publish(n)
		}()
	}
}

// TestWrite_Fault: what cannot be written is not published.
func TestWrite_Fault(t *testing.T) {
	w := create(t, Options{Unsealed: true})
	write(t, w, 10)
	f := follower(t, w, FollowOptions{})
	nothing, err := addrspace.Default().Reserve(1<<20, addrspace.ReserveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer nothing.Release()
	if n, err := w.Write(unreadable(nothing)); n != 0 || err == nil {
		t.Errorf("Write of what cannot be read: %d, %v", n, err)
	}
	// The next one would publish the hole that this has left.
	if n, err := w.Write([]byte{1}); n != 0 || err == nil {
		t.Errorf("Write behind it: %d, %v", n, err)
	}
	if n, err := f.Poll(); n != 10 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
}

// TestSealed: nobody can write to a sealed buffer, not even its writer but through what it
// has mapped.
func TestSealed(t *testing.T) {
	w := create(t, Options{})
	write(t, w, 100)
	for _, f := range []*os.File{w.data, w.control} {
		if _, err := f.WriteAt([]byte{1}, 0); err == nil {
			t.Errorf("%s can be written", f.Name())
		}
		if err := f.Truncate(0); err == nil {
			t.Errorf("%s can be cut", f.Name())
		}
		if err := sys.Seal(fdOf(f), sys.SealGrow); err == nil {
			t.Errorf("%s can be sealed", f.Name())
		}
	}
	if err := w.bell.Truncate(0); err == nil {
		t.Error("the bell can be cut")
	}
}

// TestOrdering: what a program does before Publish and after Wait is ordered, also for the race
// detector.
func TestOrdering(t *testing.T) {
	w := create(t, Options{})
	f := follower(t, w, FollowOptions{})
	var before, polled int
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.Wait(soon(t), 1); err != nil || before != 1 {
			t.Errorf("%v, %d", err, before)
		}
		for f.Len() < 2 {
			if _, err := f.Poll(); err != nil {
				t.Error(err)
				return
			}
		}
		if polled != 2 {
			t.Errorf("%d", polled)
		}
	}()
	before = 1
	write(t, w, 1)
	polled = 2
	write(t, w, 1)
	<-done
}

// TestShared: what would take bytes from followers is refused.
func TestShared(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		write(t, w, 3<<20)
		a := w.Arena()
		_, writable := a.WritableFile()
		_, alias := a.Alias(arena.AliasOptions{})
		for what, err := range map[string]error{
			"Decommit": a.Decommit(0, 1<<20), "Trim": a.Trim(), "WritableFile": writable, "Alias": alias,
		} {
			if !errors.Is(err, ErrShared) {
				t.Errorf("%s: %v", what, err)
			}
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Truncate does not panic")
				}
			}()
			a.Truncate(0)
		}()
		if at := wrongAt(a.Bytes(), 0); at >= 0 {
			t.Errorf("wrong at %d", at)
		}
		l, err := a.Alias(arena.AliasOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		l.Release()
	})
}

// TestWait wakes those who wait, for each reason that there is.
func TestWait(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		write(t, w, 10)
		f := follower(t, w, FollowOptions{})
		if err := f.Wait(soon(t), 10); err != nil {
			t.Fatal(err)
		}
		wait := func(n int) chan error {
			c := make(chan error, 1)
			go func() { c <- f.Wait(soon(t), n) }()
			asleep(f, 1)
			return c
		}
		c := wait(20)
		write(t, w, 5)
		write(t, w, 5)
		if err := <-c; err != nil || f.Len() < 20 {
			t.Errorf("published: %v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		c = make(chan error, 1)
		go func() { c <- f.Wait(ctx, 21) }()
		asleep(f, 1)
		cancel()
		if err := <-c; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}

		c = wait(21)
		g := follower(t, w, FollowOptions{})
		c2 := make(chan error, 1)
		go func() { c2 <- g.Wait(soon(t), 21) }()
		asleep(g, 1)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if err := <-c2; !errors.Is(err, os.ErrClosed) {
			t.Errorf("closed follower: %v", err)
		}

		write(t, w, 0)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-c; err != io.EOF {
			t.Errorf("closed writer: %v", err)
		}
	})
}

// asleep returns when n goroutines wait in f, and the one that sleeps for them is about to.
func asleep(f *Follower, n int) {
	for {
		f.waiters.mu.Lock()
		is := f.waiters.n >= n
		f.waiters.mu.Unlock()
		if is {
			time.Sleep(10 * time.Millisecond)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestWait_WriterGone: a writer that ends without Close is noticed, all that it published is
// there, and one that takes over is followed.
func TestWait_WriterGone(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		write(t, w, 1000)
		var followers []*Follower
		for range 3 {
			followers = append(followers, follower(t, w, FollowOptions{}))
		}
		errs := make(chan error)
		for _, f := range followers {
			go func() { errs <- f.Wait(soon(t), 1001) }()
			asleep(f, 1)
		}
		if alive, err := followers[0].Alive(); !alive || err != nil {
			t.Fatalf("Alive: %t, %v", alive, err)
		}
		abandon(t, w)
		for range followers {
			if err := <-errs; !errors.Is(err, ErrWriterGone) {
				t.Errorf("got %v", err)
			}
		}
		for _, f := range followers {
			if err := f.Read(func(b []byte) error {
				if len(b) != 1000 || wrongAt(b, 0) >= 0 {
					t.Errorf("%d bytes, wrong at %d", len(b), wrongAt(b, 0))
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
		if o.Dir == "" {
			return
		}
		w, err := TakeOver(Options{Dir: o.Dir, Name: o.Name})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		go func() { errs <- followers[0].Wait(soon(t), 2000) }()
		asleep(followers[0], 1)
		write(t, w, 1000)
		if err := <-errs; err != nil {
			t.Error(err)
		}
		if state, generation := followers[0].State(); state != StateLive || generation != 2 {
			t.Errorf("%v, generation %d", state, generation)
		}
	})
}

// TestReader reads a buffer as a stream while it grows.
func TestReader(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		const total = 300_000
		w := create(t, o)
		f := follower(t, w, FollowOptions{Reserve: 2 << 20, Retire: true})
		type result struct {
			b   []byte
			err error
		}
		results := make(chan result, 2)
		go func() {
			b, err := io.ReadAll(struct{ io.Reader }{f.NewReader(soon(t), 100)}) // Without WriteTo.
			results <- result{b, err}
		}()
		go func() {
			var b bytes.Buffer
			_, err := f.NewReader(soon(t), 100).WriteTo(&b)
			results <- result{b.Bytes(), err}
		}()
		for w.Published() < total {
			write(t, w, min(7777, total-w.Published()))
		}
		var p [10]byte
		r := f.NewReader(soon(t), 0)
		if n, err := r.ReadAt(p[:], total-5); n != 5 || err != io.EOF || wrongAt(p[:5], total-5) >= 0 {
			t.Errorf("ReadAt: %d, %v", n, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if r := <-results; r.err != nil || len(r.b) != total-100 || wrongAt(r.b, 100) >= 0 {
				t.Errorf("%d bytes, wrong at %d, %v", len(r.b), wrongAt(r.b, 100), r.err)
			}
		}
	})
}

func init() {
	// follow reads a buffer to its end and prints how many bytes it has checked.
	roles["follow"] = func() int {
		files := Inherited(3)
		f, err := Follow(files, FollowOptions{Reserve: 2 << 20, Retire: true})
		if err != nil {
			return fail("%v", err)
		}
		files.Close()
		defer f.Close()
		return check(f)
	}
}

// check reads a buffer to its end, checks the pattern, and prints how many bytes there were.
func check(f *Follower) int {
	total := 0
	r := f.NewReader(context.Background(), 0)
	b := make([]byte, 64<<10)
	for {
		n, err := r.Read(b)
		if at := wrongAt(b[:n], total); at >= 0 {
			return fail("wrong at %d", at)
		}
		total += n
		switch {
		case err == io.EOF:
			fmt.Println(total)
			return 0
		case errors.Is(err, ErrWriterGone):
			fmt.Println(total)
			return 4
		case err != nil:
			return fail("after %d bytes: %v", total, err)
		}
	}
}

// slowTurns has those who wait look by themselves that late.
func slowTurns(t *testing.T, first, longest time.Duration) {
	t.Helper()
	oldFirst, oldLongest := sleepTurn, idleTurn
	sleepTurn, idleTurn = first, longest
	t.Cleanup(func() { sleepTurn, idleTurn = oldFirst, oldLongest })
}

// TestWait_BellPutBack: where somebody puts the bell back, so that the writer wakes nobody, the
// watchman wakes all.
func TestWait_BellPutBack(t *testing.T) {
	slowTurns(t, time.Hour, time.Hour)
	w := create(t, Options{})
	write(t, w, 1)
	errs := make(chan error)
	for range 3 {
		f := follower(t, w, FollowOptions{})
		go func() { errs <- f.Wait(soon(t), 2) }()
		asleep(f, 1)
	}
	if _, err := w.Arena().Alloc(1); err != nil {
		t.Fatal(err)
	}
	w.l.publish(w.Arena().Cap(), 2) // Without a look at the bell.
	w.published = 2
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestWait_Idle: who is not the watchman looks the less often the longer nothing has come.
func TestWait_Idle(t *testing.T) {
	slowTurns(t, time.Millisecond, time.Hour)
	w := create(t, Options{})
	f := follower(t, w, FollowOptions{})
	bell, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fdOf(w.bell)), os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	defer bell.Close()
	if err := sys.LockByte(fdOf(bell), watchedByte); err != nil {
		t.Fatal(err)
	}
	var turns atomic.Int64
	defer sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallFutexWait {
			turns.Add(1)
		}
		return 0
	})()
	began := time.Now()
	done := make(chan error)
	go func() { done <- f.Wait(soon(t), 1) }()
	time.Sleep(300 * time.Millisecond)
	n, passed := turns.Load(), time.Since(began)
	if most := int64(bits.Len64(uint64(passed/time.Millisecond))) + 2; n > most {
		t.Errorf("%d turns in %v, want at most %d", n, passed, most)
	}
	write(t, w, 1)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
