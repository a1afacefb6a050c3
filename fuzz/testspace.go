package fuzz

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// testSpace is the Space of one program, in which nobody else has windows.
type testSpace struct {
	*addrspace.Space
	zone  addrspace.Range // where its windows lie; empty if in the default zones
	tight bool            // there may be no room for what is asked
	files int             // descriptors of the process before

	seen  addrspace.Stats // when maps was last due
	since int             // operations since then
}

// testZone is where the windows of programs lie.
var testZone struct {
	mu              sync.Mutex
	addrspace.Range // Protected by mu.
}

// emptyZone returns a zone where nobody is: so it is known who is there later.
func emptyZone() (addrspace.Range, error) {
	testZone.mu.Lock()
	defer testZone.mu.Unlock()
	if r := testZone.Range; r.Len() > 0 {
		// Other Spaces do not know it, and may have come there.
		if _, err := sys.Reserve(r.Start, r.Len()); err == nil {
			return r, sys.Unmap(r.Start, r.Len())
		}
	}
	const size = 1 << (18 + bits.UintSize*5/16) // 256 GiB, or 256 MiB where addresses have 32 bits
	s := addrspace.New(addrspace.Options{})
	w, err := s.Reserve(size, addrspace.ReserveOptions{Min: 128 << 20})
	if err != nil {
		return addrspace.Range{}, err
	}
	testZone.Range = w.Range()
	return testZone.Range, errors.Join(w.Release(), s.Trim())
}

// newTestSpace makes a Space as the next bytes of a program say.
func newTestSpace(in *input) (*testSpace, error) {
	zone, err := emptyZone()
	if err != nil {
		return nil, err
	}
	t := new(testSpace)
	if t.files, err = openFiles(); err != nil {
		return nil, err
	}
	o := addrspace.Options{Seed: 1 + uint64(in.byte())}
	switch in.below(8) {
	case 0: // The default zones.
	case 1, 2: // So small that there is soon no room left in it.
		zone.End = zone.Start + 64<<20
		t.zone, t.tight = zone, true
	default:
		t.zone = zone
	}
	if t.zone.Len() > 0 {
		o.Zones = []addrspace.Range{t.zone}
	}
	switch in.below(16) {
	case 0:
		o.MaxVMAs = 2 + in.below(8)
		t.tight = true
	case 1:
		o.CacheWindows = -1
	case 2:
		o.CacheWindows = 1
	}
	t.Space = addrspace.New(o)
	return t, nil
}

// empty gives back what is cached and looks whether all has been given back,
// descriptors as well.
func (t *testSpace) empty() error {
	if err := t.Trim(); err != nil {
		return err
	}
	s := t.Stats()
	if s.Windows != 0 || s.VMAs != 0 || s.ReservedBytes != 0 || s.MappedBytes != 0 || s.Cached != 0 || s.Stuck != 0 || s.Quarantined != 0 {
		return fmt.Errorf("not everything was given back: %+v", s)
	}
	n, err := openFiles()
	if n != t.files {
		return fmt.Errorf("%d descriptors are open (%v), there were %d", n, err, t.files)
	}
	return nil
}

// settled is empty once the goroutines that give back have had a moment.
func (t *testSpace) settled() (err error) {
	for range 1000 {
		if err = t.empty(); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return err
}

// abandon gives back what can be after a difference.
func (t *testSpace) abandon() error {
	for range 100 { // Goroutines that give back need a moment.
		if t.Stats().Windows == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return t.Trim()
}

// due reports whether maps is to be looked at after an operation: when it has
// changed something, and after some that have not.
func (t *testSpace) due() bool {
	const often = 8
	s := t.Stats()
	t.since++
	if s == t.seen && t.since < often || t.zone.Len() == 0 || s.KernelPlaced > 0 { // maps would trim
		return false
	}
	t.seen, t.since = s, 0
	return true
}

// maps calls look for each VMA in one of the windows: with the window's index and
// how much of it came before. The kernel must have nothing else of ours, and as
// many VMAs as the Space has counted.
func (t *testSpace) maps(windows []addrspace.Range, look func(i int, off uintptr, v sys.VMA) error) error {
	if t.Stats().KernelPlaced > 0 || t.zone.Len() == 0 {
		// Nobody knows where cached windows are outside of the zone.
		if err := t.Trim(); err != nil {
			return err
		}
	}
	page := uintptr(os.Getpagesize())
	seen := make([]uintptr, len(windows)) // bytes of each window that are there
	vmas := 0
	var wrong error
	err := sys.Maps(func(v sys.VMA) bool {
		at := addrspace.Range{Start: v.Start, End: v.End}
		for i, w := range windows {
			if anchor := (addrspace.Range{Start: w.Start - 2*page, End: w.Start - page}); at == anchor && v.Perms == "---p" {
				vmas++ // It keeps the page tables of a window that is used again.
				return true
			}
			if !at.Overlaps(w) {
				continue
			}
			vmas++
			if v.Start != w.Start+seen[i] || v.End > w.End {
				wrong = fmt.Errorf("%+v is not what comes at %d of window %v", v, seen[i], w)
			} else {
				wrong = look(i, seen[i], v)
			}
			seen[i] += at.Len()
			return wrong == nil
		}
		if at.Overlaps(t.zone) {
			vmas++
			if v.Perms != "---p" || v.Start < t.zone.Start || v.End > t.zone.End {
				wrong = fmt.Errorf("%+v is nobody's", v)
			}
		}
		return wrong == nil
	})
	if err = cmp.Or(wrong, err); err != nil {
		return fmt.Errorf("maps: %w", err)
	}
	for i, w := range windows {
		if seen[i] != w.Len() {
			return fmt.Errorf("maps: of window %v there are %d bytes", w, seen[i])
		}
		if got := t.Lookup(w.Start); got == nil || got.Range() != w {
			return fmt.Errorf("window %v is %v for the space", w, got)
		}
	}
	if s := t.Stats(); vmas != s.VMAs {
		return fmt.Errorf("maps: %d VMAs, counted %d", vmas, s.VMAs)
	}
	return nil
}

// openFiles returns how many descriptors the process has.
func openFiles() (int, error) {
	const list = "/proc/self/fd"
	if i, err := os.Stat(list); err == nil && i.Size() > 0 {
		return int(i.Size()), nil // Since Linux 6.2; 0 before.
	}
	dir, err := os.Open(list)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return len(names), err
}
