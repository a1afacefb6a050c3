package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// open makes a stream that is closed with the test.
func open(t testing.TB, opts stream.Options) *stream.Stream {
	t.Helper()
	if opts.Space == nil {
		opts.Space = addrspace.New(addrspace.Options{CacheWindows: -1})
	}
	s, err := stream.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Domain().Barrier(context.Background()); err != nil {
			t.Error(err)
		}
		// What a full domain refused goes by a goroutine.
		eventually(t, func() bool { return opts.Space.Stats().Windows == 0 })
	})
	return s
}

// must returns what f returned, which must not be an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// content returns a copy of what can be read.
func content(t testing.TB, s *stream.Stream) (front int64, b []byte) {
	t.Helper()
	g := must(s.Pin())
	defer g.Unpin()
	return g.Front(), bytes.Clone(g.All())
}

const mib = 1 << 20

// variants are the ways in which a stream can be made that change what it does.
var variants = map[string]func() stream.Options{
	"default": func() stream.Options { return stream.Options{Reserve: 4 * mib} },
	"shared domain": func() stream.Options {
		return stream.Options{Reserve: 4 * mib, Domain: epoch.NewDomain(epoch.Options{})}
	},
	"full domain": func() stream.Options { // Refuses all windows.
		return stream.Options{Reserve: 4 * mib, Domain: epoch.NewDomain(epoch.Options{MaxRetired: 1 << 20})}
	},
	"commit": func() stream.Options { return stream.Options{Reserve: 4 * mib, Commit: true} },
	"small pages": func() stream.Options {
		return stream.Options{Reserve: 4 * mib, HugePages: arena.HugeNever}
	},
}

// TestStream_Model plays appends, drops and guards beside a slice, over many windows.
func TestStream_Model(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, options := range variants {
		t.Run(name, func(t *testing.T) {
			s := open(t, options())
			rnd := rand.New(rand.NewPCG(1, 2))
			type held struct {
				g    stream.Guard
				want []byte
			}
			var model []byte // from front on
			front := int64(0)
			var guards []held
			piece := make([]byte, mib)
			steps := 400
			if testutil.Race || testing.Short() {
				steps = 100
			}
			for step := range steps {
				end := front + int64(len(model))
				switch p := rnd.IntN(10); {
				case p < 5:
					n := rnd.IntN(1 << rnd.IntN(20))
					testutil.Fill(piece[:n], int(end))
					if off, err := s.Append(piece[:n]); err != nil || off != end {
						t.Fatalf("step %d: %d, %v, want %d", step, off, err, end)
					}
					model = append(model, piece[:n]...)
				case p == 5:
					n := rnd.IntN(mib)
					off, err := s.AppendFunc(n, func(b []byte) error {
						if i := bytes.IndexFunc(b, func(r rune) bool { return r != 0 }); i >= 0 || len(b) != n || cap(b) != n {
							t.Fatalf("step %d: %d bytes of capacity %d, byte %d is not 0", step, len(b), cap(b), i)
						}
						testutil.Fill(b, int(end))
						return nil
					})
					if err != nil || off != end {
						t.Fatalf("step %d: %d, %v, want %d", step, off, err, end)
					}
					testutil.Fill(piece[:n], int(end))
					model = append(model, piece[:n]...)
				case p == 6:
					failed := errors.New("failed")
					off, err := s.AppendFunc(rnd.IntN(3*mib), func(b []byte) error { testutil.Fill(b, 1); return failed })
					if off != -1 || err != failed {
						t.Fatalf("step %d: %d, %v", step, off, err)
					}
				case p == 7:
					n := rnd.IntN(len(model) + 1)
					if err := s.DropFront(front + int64(n)); err != nil {
						t.Fatal(err)
					}
					model, front = model[n:], front+int64(n)
				case p == 8:
					g := must(s.Pin())
					guards = append(guards, held{g, bytes.Clone(model)})
				case len(guards) > 0:
					i := rnd.IntN(len(guards))
					h := &guards[i]
					if !bytes.Equal(h.g.All(), h.want) {
						t.Fatalf("step %d: a guard of [%d, %d) sees something else", step, h.g.Front(), h.g.Len())
					}
					if rnd.IntN(2) == 0 {
						h.g.Unpin()
						guards = append(guards[:i], guards[i+1:]...)
					} else if err := h.g.Refresh(); err != nil {
						t.Fatal(err)
					} else {
						h.want = bytes.Clone(model)
					}
				}
				if s.Front() != front || s.Len() != front+int64(len(model)) {
					t.Fatalf("step %d: [%d, %d), want [%d, %d)", step, s.Front(), s.Len(), front, front+int64(len(model)))
				}
				if step%20 == 0 {
					if at, b := content(t, s); at != front || !bytes.Equal(b, model) {
						t.Fatalf("step %d: the content is another", step)
					}
				}
			}
			for i := range guards {
				if !bytes.Equal(guards[i].g.All(), guards[i].want) {
					t.Error("a guard sees something else in the end")
				}
				guards[i].g.Unpin()
			}
			if st := s.Stats(); st.Moves < 1 || st.Stuck != 0 {
				t.Errorf("%+v, want some moves and nothing stuck", st)
			}
		})
	}
}

// TestStream_ForEver: 2^46 bytes go through a stream of 64 MiB, whose addresses, mappings
// and files stay as they are.
func TestStream_ForEver(t *testing.T) {
	testutil.NeedsMoves(t)
	total := int64(1) << 46
	if testing.Short() || testutil.Race {
		total = 1 << 40
	}
	flow(t, total, 1<<(20+bits.UintSize/4)) // 64 GiB, where there is so much.
}

// TestStream_ForEverInShortFiles: also where no file may be longer than 512 MiB or 1 GiB (in
// which unit sh counts is its own choice).
func TestStream_ForEverInShortFiles(t *testing.T) {
	testutil.NeedsMoves(t)
	if testutil.InChild(t, "-f 1048576") {
		flow(t, 1<<38, 1<<29)
	}
}

// flow appends total bytes, here and there touched, of which 64 MiB are live, to a stream
// with windows of reserve bytes, and checks that what it takes does not grow.
func flow(t *testing.T, total int64, reserve int) {
	t.Helper()
	const piece = 64 * mib
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	s := open(t, stream.Options{Reserve: reserve, Limit: 2 * piece, Space: space})
	var most stream.Stats
	maps := 0
	for off := int64(0); off < total; off += piece {
		touch := off/piece%64 == 0
		at, err := s.AppendFunc(piece, func(b []byte) error {
			if touch {
				b[0], b[len(b)-1] = testutil.Pattern(int(off)), testutil.Pattern(int(off+1))
			}
			return nil
		})
		if err != nil || at != off {
			t.Fatalf("%d, %v, want %d", at, err, off)
		}
		if touch {
			g := must(s.Pin())
			b, err := g.Bytes(off, piece)
			if err != nil || b[0] != testutil.Pattern(int(off)) || b[piece-1] != testutil.Pattern(int(off+1)) {
				t.Fatalf("at %d: %v", off, err)
			}
			g.Unpin()
		}
		if err := s.DropFront(off); err != nil {
			t.Fatal(err)
		}
		if off%(total/64) == 0 {
			if err := s.Domain().Barrier(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := s.Stats()
			most.Window, most.Files = max(most.Window, st.Window), max(most.Files, st.Files)
			most.Committed, most.Windows = max(most.Committed, st.Committed), max(most.Windows, st.Windows)
			maps = max(maps, space.Stats().VMAs)
		}
	}
	if most.Window > reserve || most.Files > 4 || most.Committed > mib || most.Windows > 2 || maps > 48 || s.Stats().Moves < int(total/int64(reserve))/2 {
		t.Errorf("at most %+v, %d mappings; %d moves", most, maps, s.Stats().Moves)
	}
}

// TestStream_LongFiles: where no file may be as long as what is live there are several.
func TestStream_LongFiles(t *testing.T) {
	testutil.NeedsMoves(t)
	if !testutil.InChild(t, "-f 16384") { // 8 MiB: blocks of 512 bytes in sh, or 16 MiB of 1024.
		return
	}
	s := open(t, stream.Options{})
	total := int64(100 * mib)
	if testing.Short() {
		total = 30 * mib
	}
	b := make([]byte, 3*mib)
	for off := int64(0); off < total; off += int64(len(b)) {
		testutil.Fill(b, int(off))
		must(s.Append(b))
	}
	if _, all := content(t, s); testutil.Check(all, 0) >= 0 {
		t.Errorf("byte %d is wrong", testutil.Check(all, 0))
	}
	_, err := s.AppendFunc(64*mib, func([]byte) error { return nil })
	if !errors.Is(err, sys.EFBIG) || !strings.Contains(err.Error(), "ulimit -f") {
		t.Errorf("an append longer than any file: %v", err)
	}
	must(s.Append(b)) // The next one works.
}

// TestStream_Appenders: what several append stands there as a whole, in the order of its
// offsets, and whoever reads meanwhile sees whole appends only.
func TestStream_Appenders(t *testing.T) {
	testutil.NeedsMoves(t)
	const appenders = 4
	each := 20000
	if testing.Short() || testutil.Race {
		each = 10000
	}
	s := open(t, stream.Options{Reserve: 1})
	var writing, reading sync.WaitGroup
	for a := range appenders {
		writing.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(a), 1))
			for i := range each {
				// A record: length, appender, number, and the number's low byte over and over.
				n := 8 + rnd.IntN(200)
				b := make([]byte, n)
				b[0], b[1], b[2], b[3] = byte(n), byte(a), byte(i), byte(i>>8)
				for k := 4; k < n; k++ {
					b[k] = byte(i + 1)
				}
				write := func(p []byte) error { copy(p, b); return nil }
				var err error
				switch rnd.IntN(16) {
				case 0:
					_, err = s.AppendFunc(n, func(p []byte) error { runtime.Gosched(); return write(p) })
				case 1:
					_, err = s.AppendFunc(n, write)
				default:
					_, err = s.Append(b)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	check := func(drop bool) {
		var next [appenders]int
		for off := int64(0); ; {
			if s.Wait(t.Context(), off) != nil {
				break
			}
			g := must(s.Pin())
			for off < g.Len() {
				head, err := g.Bytes(off, 4)
				if err != nil {
					t.Error(err)
					g.Unpin()
					return
				}
				n, a, i := int(head[0]), int(head[1]), int(head[2])|int(head[3])<<8
				b, err := g.Bytes(off, n)
				if err != nil || n < 8 || a >= appenders || i != next[a] {
					t.Errorf("at %d of [%d, %d): %d bytes, number %d of appender %d: %v", off, g.Front(), g.Len(), n, i, a, err)
					g.Unpin()
					return
				}
				for k := 4; k < n; k++ {
					if b[k] != byte(i+1) {
						t.Errorf("byte %d of the record at %d is torn", k, off)
						g.Unpin()
						return
					}
				}
				next[a]++
				off += int64(n)
			}
			g.Unpin()
			if drop {
				if err := s.DropFront(max(0, off-mib)); err != nil {
					t.Error(err)
				}
			}
		}
		for a, n := range next {
			if n != each {
				t.Errorf("%d records of appender %d, want %d", n, a, each)
			}
		}
	}
	reading.Go(func() { check(true) })
	reading.Go(func() { // Looks at all there is, again and again.
		for {
			select {
			case <-done:
				return
			default:
				g := must(s.Pin())
				_ = bytes.Count(g.All(), []byte{0})
				g.Unpin()
			}
		}
	})
	writing.Wait()
	s.CloseWrite()
	close(done)
	reading.Wait()
	if st := s.Stats(); st.Moves == 0 {
		t.Error("the stream has not moved")
	}
}

// TestStream_Stall: an append that stalls keeps what is appended behind it from being seen,
// and neither loses nor tears it; one that fails then leaves zeros.
func TestStream_Stall(t *testing.T) {
	testutil.NeedsMoves(t)
	failed := errors.New("failed")
	for name, end := range map[string]func() error{
		"returns": func() error { return nil },
		"fails":   func() error { return failed },
		"panics":  func() error { panic(failed) },
		"goexit":  func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, stream.Options{Reserve: 4 * mib})
			must(s.Append([]byte("first ")))
			begun, proceed, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			var off int64
			var err error
			go func() {
				defer close(ended)
				defer func() { _ = recover() }()
				off, err = s.AppendFunc(8, func(p []byte) error {
					copy(p, "stalling")
					close(begun)
					<-proceed
					return end()
				})
			}()
			<-begun
			for i := range 10 {
				if at := must(s.Append(bytes.Repeat([]byte{'a' + byte(i)}, mib))); at != 14+int64(i)*mib {
					t.Errorf("append %d is at %d", i, at)
				}
			}
			if s.Len() != 6 {
				t.Errorf("%d bytes can be read while an append is under way at 6", s.Len())
			}
			// What was retired is gone now, and what is written to was not.
			if err := s.Domain().Barrier(t.Context()); err != nil {
				t.Fatal(err)
			}
			if st := s.Stats(); st.Windows < 2 {
				t.Errorf("%+v: the window that is written to must stay", st)
			}
			close(proceed)
			<-ended
			want := "first stalling"
			if name != "returns" {
				want = "first " + strings.Repeat("\x00", 8)
			}
			if name == "fails" && (off != 6 || !errors.Is(err, failed) || !errors.Is(err, stream.ErrZeroed)) {
				t.Errorf("%d, %v, want 6 and both errors", off, err)
			}
			_, all := content(t, s)
			if len(all) != 14+10*mib || string(all[:14]) != want {
				t.Fatalf("%d bytes: %q, want %q", len(all), all[:min(14, len(all))], want)
			}
			for i, b := range all[14:] {
				if b != 'a'+byte(i/mib) {
					t.Fatalf("byte %d is torn", i)
				}
			}
		})
	}
}

// TestStream_Unwritten: an AppendFunc that ends otherwise than by returning, with nothing
// behind it, has appended nothing, and what it wrote is not seen by the next.
func TestStream_Unwritten(t *testing.T) {
	s := open(t, stream.Options{})
	func() {
		defer func() {
			if r := recover(); r != "stop" {
				t.Errorf("recovered %v", r)
			}
		}()
		_, _ = s.AppendFunc(100, func(p []byte) error { testutil.Fill(p, 1); panic("stop") })
	}()
	off, err := s.AppendFunc(200, func(p []byte) error {
		if n := bytes.Count(p, []byte{0}); n != 200 {
			t.Errorf("%d bytes of 200 are 0", n)
		}
		return nil
	})
	if off != 0 || err != nil || s.Len() != 200 {
		t.Errorf("%d, %v; %d bytes", off, err, s.Len())
	}
}

// TestStream_BadInput: what does not fit says why, and changes nothing.
func TestStream_BadInput(t *testing.T) {
	s := open(t, stream.Options{Name: "in", Limit: 4 * mib})
	must(s.Append(make([]byte, 1000)))
	if err := s.DropFront(100); err != nil {
		t.Fatal(err)
	}
	g := must(s.Pin())
	defer g.Unpin()
	_, over := s.Append(make([]byte, 4*mib))
	_, huge := s.AppendFunc(math.MaxInt, func([]byte) error { return nil })
	bytesOf := func(off int64, n int) error { b, err := g.Bytes(off, n); _ = b; return err }
	for name, c := range map[string]struct{ err, want error }{
		"before the front":        {bytesOf(99, 1), stream.ErrDropped},
		"across the front":        {bytesOf(0, 1000), stream.ErrDropped},
		"negative":                {bytesOf(-1, 1), stream.ErrRange},
		"negative length":         {bytesOf(200, -1), stream.ErrRange},
		"beyond the end":          {bytesOf(1001, 0), stream.ErrRange},
		"across the end":          {bytesOf(999, 2), stream.ErrRange},
		"overflow":                {bytesOf(math.MaxInt64, math.MaxInt), stream.ErrRange},
		"least":                   {bytesOf(math.MinInt64, math.MaxInt), stream.ErrRange},
		"all":                     {bytesOf(100, 900), nil},
		"nothing, at the end":     {bytesOf(1000, 0), nil},
		"above the limit":         {over, stream.ErrFull},
		"far above the limit":     {huge, stream.ErrFull},
		"drop beyond the end":     {s.DropFront(1001), stream.ErrRange},
		"drop a negative":         {s.DropFront(-1), stream.ErrRange},
		"drop what is dropped":    {s.DropFront(50), nil},
		"drop up to where it was": {s.DropFront(100), nil},
	} {
		if !errors.Is(c.err, c.want) || c.err != nil && !strings.Contains(c.err.Error(), `"in"`) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if s.Front() != 100 || s.Len() != 1000 {
		t.Errorf("[%d, %d)", s.Front(), s.Len())
	}
	must(s.Append(make([]byte, 4*mib-900)))
	if _, err := s.Append([]byte{1}); !errors.Is(err, stream.ErrFull) {
		t.Errorf("one above the limit: %v", err)
	}
	if err := s.DropFront(101); err != nil {
		t.Fatal(err)
	}
	must(s.Append([]byte{1})) // A byte less is live.
	for name, f := range map[string]func(){
		"AppendFunc":   func() { _, _ = s.AppendFunc(-1, nil) },
		"NewReader":    func() { s.NewReader(-1) },
		"Follow":       func() { s.Follow(t.Context(), -1) },
		"options":      func() { _, _ = stream.New(stream.Options{Limit: -1}) },
		"huge pages":   func() { _, _ = stream.New(stream.Options{HugePages: arena.HugeTLB1G}) },
		"Unpin, twice": func() { g := must(s.Pin()); g.Unpin(); g.Unpin() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			f()
		}()
	}
}

// TestStream_Close: what a guard sees and an append writes to outlives Close; everybody
// else is told.
func TestStream_Close(t *testing.T) {
	for name, options := range variants {
		t.Run(name, func(t *testing.T) {
			opts := options()
			opts.Space = addrspace.New(addrspace.Options{CacheWindows: -1})
			s := must(stream.New(opts))
			must(s.Append([]byte("some bytes")))
			g := must(s.Pin())
			begun, proceed, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			go func() {
				_, err := s.AppendFunc(8*mib, func(p []byte) error {
					close(begun)
					<-proceed
					p[len(p)-1] = 1
					return nil
				})
				ended <- err
			}()
			<-begun
			waits := make(chan error)
			go func() { waits <- s.Wait(context.Background(), 10) }()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := <-waits; !errors.Is(err, stream.ErrClosed) {
				t.Errorf("Wait: %v", err)
			}
			close(proceed)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if got := string(g.All()); got != "some bytes" {
				t.Errorf("the guard sees %q", got)
			}
			_, appendErr := s.Append([]byte{1})
			_, nothing := s.Append(nil)
			_, pin := s.Pin()
			copied := g
			for name, err := range map[string]error{"Append": appendErr, "Append of nothing": nothing, "Pin": pin, "DropFront": s.DropFront(1), "Wait": s.Wait(t.Context(), 1<<40), "Refresh": copied.Refresh()} {
				if !errors.Is(err, stream.ErrClosed) {
					t.Errorf("%s: %v", name, err)
				}
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the second Close does not panic")
					}
				}()
				_ = s.Close()
			}()
			if err := s.Domain().Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			// What a full domain refused goes by a goroutine.
			eventually(t, func() bool { return opts.Space.Stats().Windows == 0 })
			if st := s.Stats(); st.Files != 0 || st.Window != 0 || st.Committed != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestStream_GuardKeeps: what a guard sees is there however far the stream moves on, and
// a guard of the stream's own domain keeps nothing that came in later windows.
func TestStream_GuardKeeps(t *testing.T) {
	testutil.NeedsMoves(t)
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	s := open(t, stream.Options{Reserve: 4 * mib, Space: space})
	b := make([]byte, mib)
	put := func() {
		testutil.Fill(b, int(s.Len()))
		must(s.Append(b))
		if err := s.DropFront(max(0, s.Len()-mib)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		put()
	}
	more := 100
	if testing.Short() {
		more = 30
	}
	g := must(s.Pin())
	for range more {
		put()
	}
	// All but what the guard sees goes, with nobody helping.
	eventually(t, func() bool { return s.Stats().Windows <= 3 })
	if g.Front() != 2*mib || g.Len() != 3*mib || testutil.Check(g.All(), 2*mib) >= 0 {
		t.Errorf("the guard of [%d, %d) sees a wrong byte at %d", g.Front(), g.Len(), testutil.Check(g.All(), 2*mib))
	}
	g.Unpin()
	eventually(t, func() bool { return s.Stats().Windows <= 2 })
	if st := s.Stats(); st.Committed > 16*mib {
		t.Errorf("%+v", st)
	}
}

// TestStream_GuardKeepsItsWindow: of what is dropped at once, over many windows, a guard keeps
// what is in its own.
func TestStream_GuardKeepsItsWindow(t *testing.T) {
	testutil.NeedsMoves(t)
	s := open(t, stream.Options{Reserve: 4 * mib})
	must(s.Append([]byte{1}))
	g := must(s.Pin())
	n := 100
	if testing.Short() {
		n = 40
	}
	for range n {
		must(s.Append(make([]byte, mib)))
	}
	if err := s.DropFront(s.Len()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.Stats().Committed < 12*mib })
	if b := g.All(); len(b) != 1 || b[0] != 1 {
		t.Errorf("the guard sees %v", b)
	}
	g.Unpin()
	eventually(t, func() bool { return s.Stats().Committed < 4*mib })
}

// TestStream_GuardKeepsReused: what is dropped at once, of extents that were dropped before and used
// again, and is seen in two windows, goes in two pieces: a guard of the first window keeps its own.
func TestStream_GuardKeepsReused(t *testing.T) {
	testutil.NeedsMoves(t)
	s := open(t, stream.Options{Reserve: 16 * mib})
	n := byte(0)
	put := func() {
		n++
		must(s.Append(bytes.Repeat([]byte{n}, mib)))
	}
	for range 40 {
		put()
		if err := s.KeepLast(5 * mib); err != nil {
			t.Fatal(err)
		}
		if err := s.Domain().Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Recycled < 10 || st.Moves < 2 {
		t.Fatalf("%+v: nothing was used again", st)
	}
	var g stream.Guard
	for moves := s.Stats().Moves; s.Stats().Moves == moves; { // To the end of the window.
		if g != (stream.Guard{}) {
			g.Unpin()
		}
		g = must(s.Pin())
		put()
	}
	for range 8 {
		put()
	}
	want := bytes.Clone(g.All())
	if err := s.DropFront(s.Len()); err != nil {
		t.Fatal(err)
	}
	// What is behind the guard's window goes: an extent at each end may stay.
	s.Domain().TryReclaim()
	most := int(g.Len()-g.Front()) + 2*2*mib
	eventually(t, func() bool { return s.Stats().Committed <= most })
	for range 12 { // Where there is room for more than what was dropped.
		put()
	}
	if !bytes.Equal(g.All(), want) {
		t.Error("what a guard sees was given back, or used again")
	}
	g.Unpin()
	if err := s.DropFront(s.Len()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.Stats().Committed < 4*mib })
}

// TestStream_Refused: what a shared domain refuses goes all the same, when no guard is left that
// was pinned before.
func TestStream_Refused(t *testing.T) {
	testutil.NeedsMoves(t)
	full, closed := epoch.NewDomain(epoch.Options{MaxRetired: mib}), epoch.NewDomain(epoch.Options{})
	for name, d := range map[string]*epoch.Domain{"full": full, "closed": closed} {
		t.Run(name, func(t *testing.T) {
			s := open(t, stream.Options{Reserve: 4 * mib, Domain: d})
			must(s.Append([]byte{1}))
			g := must(s.Pin())
			if d == closed {
				if err := d.Close(); !errors.Is(err, epoch.ErrPinned) {
					t.Error(err)
				}
			}
			rounds := 30
			if testing.Short() {
				rounds = 12
			}
			flow := func() {
				for range rounds {
					must(s.Append(make([]byte, 2*mib)))
					if err := s.DropFront(s.Len()); err != nil {
						t.Fatal(err)
					}
				}
			}
			flow()
			if b := g.All(); len(b) != 1 || b[0] != 1 {
				t.Errorf("the guard sees %v", b)
			}
			g.Unpin()
			flow()
			eventually(t, func() bool { st := s.Stats(); return st.Kept == 0 && st.Committed < 8*mib })
		})
	}
}

// TestStream_Cost: an append within what is ready, a pin and a look allocate nothing and
// call nobody, with and without somebody who waits for what is far.
func TestStream_Cost(t *testing.T) {
	s := open(t, stream.Options{Reserve: 64 * mib})
	b := make([]byte, 200)
	must(s.Append(make([]byte, 100))) // Makes the first 2 MiB ready.
	ctx, cancel := context.WithCancel(t.Context())
	for name, f := range map[string]func(){
		"Append":     func() { must(s.Append(b)) },
		"AppendFunc": func() { must(s.AppendFunc(len(b), func(p []byte) error { copy(p, b); return nil })) },
		"Pin":        func() { g := must(s.Pin()); g.Unpin() },
		"Bytes":      func() { g := must(s.Pin()); must(g.Bytes(g.Front(), 10)); g.Unpin() },
		"Wait":       func() { _ = s.Wait(ctx, 0) },
		"DropFront":  func() { _ = s.DropFront(s.Front() + 1) },
	} {
		calls := testutil.CountCalls(func() {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		})
		if len(calls) != 0 {
			t.Errorf("%s calls %v", name, calls)
		}
	}
	cancel()
}

// TestStream_WaitNobodyLost: who waits for each next byte is woken for each, whoever appends.
func TestStream_WaitNobodyLost(t *testing.T) {
	n := int64(20000)
	if testing.Short() || testutil.Race {
		n = 3000
	}
	s := open(t, stream.Options{})
	var g sync.WaitGroup
	for range 3 {
		g.Go(func() {
			for off := range n {
				if err := s.Wait(t.Context(), off); err != nil || s.Len() <= off {
					t.Errorf("wait for %d: %v, %d bytes", off, err, s.Len())
					return
				}
			}
		})
	}
	var left atomic.Int64
	left.Store(n)
	for range 2 {
		g.Go(func() {
			for left.Add(-1) >= 0 {
				must(s.Append([]byte{1}))
				if rand.IntN(4) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	g.Wait()
}

// TestStream_WaitEnds: by CloseWrite, where what is waited for is never going to be, and by
// the context.
func TestStream_WaitEnds(t *testing.T) {
	s := open(t, stream.Options{Name: "short"})
	must(s.Append([]byte("123")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx, 3); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `"short", which ends at 3`) {
		t.Errorf("%v", err)
	}
	if err := s.Wait(ctx, 2); err != nil {
		t.Errorf("%v for what is there", err)
	}
	waits := make(chan error)
	go func() { waits <- s.Wait(t.Context(), 3) }()
	begun, proceed := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = s.AppendFunc(2, func(p []byte) error { close(begun); <-proceed; return nil })
	}()
	<-begun
	go func() { waits <- s.Wait(t.Context(), 5) }()
	s.CloseWrite()
	s.CloseWrite()
	if err := <-waits; err != io.EOF {
		t.Errorf("beyond what is under way: %v", err)
	}
	close(proceed)
	if err := <-waits; err != nil || s.Len() != 5 {
		t.Errorf("what is under way: %v, %d bytes", err, s.Len())
	}
	if _, err := s.Append([]byte{1}); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("Append after CloseWrite: %v", err)
	}
	if err := s.Wait(t.Context(), 5); err != io.EOF {
		t.Errorf("%v", err)
	}
	if err := s.DropFront(5); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(s.Front(), s.Len()); got != "5 5" {
		t.Error(got)
	}
}
