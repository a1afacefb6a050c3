//go:build !portable

package follow_test

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestFollower_VeryMany: thousands of files are followed by one process with one mapping for each and
// no descriptor, also those that grow into bigger windows.
func TestFollower_VeryMany(t *testing.T) {
	const grown = 40 // of them, of which the writers go on
	n := 20_000
	if testing.Short() {
		n = 3000
	}
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	vmasBefore, err := sys.CountMaps()
	ok(t, err)
	_, filesBefore := testutil.Snapshot().Count()
	var writers []*os.File
	followers := make([]*follow.Follower, n)
	for i := range followers {
		fd, err := sys.Memfd("many", 0)
		ok(t, err)
		f := os.NewFile(uintptr(fd), "many")
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], uint64(i))
		_, err = f.Write(number[:])
		ok(t, err)
		limit := 2 * mib
		if i < grown {
			limit = 16 * mib
			writers = append(writers, f)
		}
		followers[i], err = follow.New(f, follow.Options{Reserve: 2 * mib, Limit: limit, Space: space, NoDescriptor: true})
		ok(t, err)
		ok(t, followers[i].Extend(8))
		if i >= grown {
			ok(t, f.Close())
		}
	}
	check := func() {
		t.Helper()
		vmas, err := sys.CountMaps()
		ok(t, err)
		// Some for the Go heap, which has grown, and the old windows of those that have moved.
		if more := vmas - vmasBefore; more > n+4*grown+100 {
			t.Errorf("%d mappings for %d followers", more, n)
		}
		if _, files := testutil.Snapshot().Count(); files-filesBefore > grown {
			t.Errorf("%d descriptors, there were %d, and the writers have %d", files, filesBefore, grown)
		}
		for i, l := range followers {
			if got := binary.LittleEndian.Uint64(l.Bytes()); got != uint64(i) {
				t.Fatalf("follower %d shows the bytes of %d", i, got)
			}
		}
	}
	check()
	for i, f := range writers {
		end := 9*mib + i
		_, err := f.WriteAt([]byte{byte(i)}, int64(end-1))
		ok(t, err)
		ok(t, followers[i].Extend(end))
		if b := followers[i].Bytes(); b[end-1] != byte(i) {
			t.Errorf("follower %d ends with %d", i, b[end-1])
		}
		if s := followers[i].Stats(); s.Growth.Rehomed+s.Growth.Aliased == 0 {
			t.Errorf("%+v", s)
		}
	}
	check()
	for _, f := range writers {
		ok(t, f.Close())
	}
	for _, l := range followers {
		ok(t, l.Close())
	}
	if s := space.Stats(); s.Windows != 0 {
		t.Errorf("%d windows are left", s.Windows)
	}
}

// TestFollower_Concurrent: readers extend, pin and read beside each other and beside the writer, through
// many windows, and see what was written, until Close, which they need not know of.
func TestFollower_Concurrent(t *testing.T) {
	for name, o := range map[string]follow.Options{
		"retire": {Retire: true}, "retire, no descriptor": {Retire: true, NoDescriptor: true},
		"domain": {Domain: epoch.NewDomain(epoch.Options{})}, "keep": {},
	} {
		t.Run(name, func(t *testing.T) {
			total := 24 * mib
			if testing.Short() {
				total = 5 * mib
			}
			data := noise(total)
			a, err := arena.NewArena(arena.Options{})
			ok(t, err)
			f, err := a.File()
			ok(t, err)
			defer f.Close()
			o.Reserve, o.Rungs = 2*mib, arena.RungRehome|arena.RungAlias
			l, err := follow.New(f, o)
			ok(t, err)
			var written atomic.Int64
			var readers sync.WaitGroup
			for i := range 6 {
				rng := rand.New(rand.NewPCG(1, uint64(i)))
				readers.Go(func() {
					for last := 0; last < total; {
						n := int(written.Load())
						if err := l.Extend(n); err != nil {
							t.Error(err)
							return
						}
						g, err := l.Pin()
						if err != nil {
							t.Error(err)
							return
						}
						b := g.Bytes()
						if len(b) < n || len(b) < last {
							t.Errorf("%d bytes, %d were written, and there were %d before", len(b), n, last)
						}
						if last = len(b); last > 0 {
							for _, at := range []int{0, last - 1, rng.IntN(last)} {
								if b[at] != data[at] {
									t.Errorf("of %d bytes, byte %d is %d, not %d", last, at, b[at], data[at])
									g.Unpin()
									return
								}
							}
						}
						g.Unpin()
					}
				})
			}
			for n := 0; n < total; {
				step := min(total-n, 1+(n*7919)%(200<<10))
				b, err := a.Alloc(step)
				ok(t, err)
				copy(b, data[n:])
				n += step
				written.Store(int64(n))
			}
			readers.Wait()
			ok(t, l.Close())
			ok(t, a.Free())
			if l.Domain() != nil && o.Domain == nil {
				ok(t, l.Domain().Close())
			}
		})
	}
}

// TestFollower_CloseUnderReaders: with a domain, Close may come at any time: readers get an
// error, and what they hold stays until they let go.
func TestFollower_CloseUnderReaders(t *testing.T) {
	data := noise(mib)
	for range 20 {
		w := fileWriter(t, t.TempDir())
		ok(t, w.append(data))
		l := begin(t, w, follow.Options{Retire: true})
		ok(t, l.Extend(1))
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for n := 1; ; n++ {
					if l.Extend(min(n, mib)) != nil {
						return
					}
					g, err := l.Pin()
					if err != nil {
						return
					}
					b := g.Bytes()
					if at := len(b) - 1; b[at] != data[at] {
						t.Errorf("byte %d is %d, not %d", at, b[at], data[at])
					}
					g.Unpin()
				}
			})
		}
		ok(t, l.Close())
		readers.Wait()
	}
}

// TestFollower_OtherProcess: another process writes into an arena on a file, from a few
// bytes to beyond many windows, and says how far; followers here show at each length what
// it wrote.
func TestFollower_OtherProcess(t *testing.T) {
	const total = 12 * mib
	if testutil.IsChild(t) {
		writeInChild(t, os.NewFile(3, "data"), os.NewFile(4, "lengths"), noise(total))
		return
	}
	path := filepath.Join(t.TempDir(), "data")
	file, err := os.Create(path)
	ok(t, err)
	defer file.Close()
	lengths, says, err := os.Pipe()
	ok(t, err)
	defer lengths.Close()

	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	var followers []*follow.Follower
	for i := range 4 {
		read, err := os.Open(path)
		ok(t, err)
		l, err := follow.New(read, follow.Options{
			Reserve: 2 * mib, Space: space, NoDescriptor: i&1 != 0, Retire: i&2 != 0, Rungs: arena.RungRehome | arena.RungAlias,
			MayShrink: true, // The arena's Free cuts its file to Len.
		})
		ok(t, err)
		ok(t, read.Close())
		followers = append(followers, l)
	}
	var following sync.WaitGroup
	following.Go(func() {
		data := noise(total)
		var steps, last int
		for ; ; steps++ {
			var n uint64
			if err := binary.Read(lengths, binary.LittleEndian, &n); err == io.EOF {
				break
			} else if err != nil {
				t.Error(err)
				return
			}
			for i, l := range followers {
				if err := l.Extend(int(n)); err != nil {
					t.Error(err)
					continue
				}
				err := l.Read(func(b []byte) error {
					// What is new, and something of what is old.
					if from := min(last, len(b)) / 2 * (steps % 2); string(b[from:]) != string(data[from:n]) {
						t.Errorf("follower %d at %d bytes: not what was written", i, n)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			last = int(n)
		}
		if last != total || steps < 100 {
			t.Errorf("%d steps to %d bytes", steps, last)
		}
	})
	child := testutil.Child(t, testutil.ChildOptions{Files: []*os.File{file, says}})
	ok(t, says.Close())
	following.Wait()
	if !child.Passed() {
		t.Error(child)
	}
	for _, l := range followers {
		if g := l.Stats().Growth; g.Rehomed+g.Aliased < 1 { // Less often where the writer is far ahead.
			t.Errorf("%+v", g)
		}
		ok(t, l.Close())
	}
}

// writeInChild is the process that writes.
func writeInChild(t *testing.T, file, lengths *os.File, data []byte) {
	a, err := arena.NewArena(arena.Options{File: file})
	ok(t, err)
	rng := rand.New(rand.NewPCG(2, 3))
	for n := 0; n < len(data); {
		step := min(len(data)-n, 1+rng.IntN(1<<rng.IntN(20)))
		if n > 100 { // Small ones at first, then such that there are some hundred.
			step = min(len(data)-n, max(step, 60<<10))
		}
		b, err := a.Alloc(step)
		ok(t, err)
		copy(b, data[n:])
		n += step
		ok(t, binary.Write(lengths, binary.LittleEndian, uint64(n)))
	}
	ok(t, a.Free())
	ok(t, file.Close())
	ok(t, lengths.Close())
}
