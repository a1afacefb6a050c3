//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// zone is a part of the address space of our own: what lies there is of the Space
// under test. Where addresses have fewer bits windows lie where the kernel puts
// them, and agree has nothing to look at.
var zone = addrspace.Range{Start: 0x4800 << 32, End: 0x4880 << 32}

// newSpace returns a Space with the zone for itself, always the same.
func newSpace(t *testing.T, o addrspace.Options) *addrspace.Space {
	t.Helper()
	o.Seed = 1
	if o.Zones == nil {
		o.Zones = []addrspace.Range{zone}
	}
	return addrspace.New(o)
}

// closeSpace checks that nothing is left of a Space.
func closeSpace(t *testing.T, s *addrspace.Space) {
	t.Helper()
	if err := s.Trim(); err != nil {
		t.Errorf("Trim: %v", err)
	}
	st := s.Stats()
	if st.Windows != 0 || st.VMAs != 0 || st.ReservedBytes != 0 || st.MappedBytes != 0 || st.Quarantined != 0 ||
		st.Stuck != 0 || st.Cached != 0 {
		t.Errorf("the Space is not empty: %+v", st)
	}
	agree(t, s, false)
}

// agree compares what a Space counts with what the kernel says of its zone: so
// many VMAs, so many bytes of addresses, so many that are accessible, and each
// window without a hole. So many bytes more may be accessible: of a window that
// was released while the kernel refused all of unmapping, covering and protecting.
// What reapers are at work on gets some time.
func agree(t *testing.T, s *addrspace.Space, exposed bool) {
	t.Helper()
	difference := ""
	for range 200 {
		if difference = disagreement(s, exposed); difference == "" {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error(difference)
}

// disagreement is agree of the moment. It knows windows by looking addresses up: a
// reaper may release them meanwhile, and to ask one that was released is misuse.
func disagreement(s *addrspace.Space, exposed bool) string {
	st := s.Stats()
	if st.KernelPlaced > 0 || st.Foreign > 0 {
		return "" // Not all that is ours is in the zone, or not all that is there.
	}
	windows, vmas, bytes, accessible := 0, 0, uint64(0), uint64(0)
	var last sys.VMA
	var b strings.Builder
	err := sys.Maps(func(v sys.VMA) bool {
		if !zone.Overlaps(addrspace.Range{Start: v.Start, End: v.End}) {
			return true
		}
		n := v.End - v.Start
		if page := uintptr(os.Getpagesize()); n == page && v.Start%addrspace.Alignment == addrspace.Alignment-2*page {
			vmas++ // An anchor: see package addrspace. It counts as a VMA and belongs to no window.
			return true
		}
		bytes += uint64(n)
		if v.Perms[0] == 'r' {
			accessible += uint64(n)
		}
		if w := s.Lookup(v.Start); w != nil {
			if s.Lookup(v.Start-1) != w {
				windows++
			} else if v.Start != last.End {
				fmt.Fprintf(&b, "window %v has a hole before %#x\n", w, v.Start)
			}
			if s.Lookup(v.End-1) != w {
				fmt.Fprintf(&b, "VMA %#x-%#x sticks out of window %v\n", v.Start, v.End, w)
			}
		}
		// Of a window's Reserved part, some may have kept its name and some not.
		if v.Start != last.End || v.Perms != "---p" || last.Perms != "---p" {
			vmas++
		}
		last = v
		return true
	})
	if err != nil {
		return err.Error()
	}
	most := st.MappedBytes
	if exposed {
		most += st.StuckBytes
	}
	if windows != st.Windows || vmas != st.VMAs || bytes != st.ReservedBytes+st.CachedBytes+st.StuckBytes ||
		accessible < st.MappedBytes || accessible > most {
		fmt.Fprintf(&b, "the kernel has %d windows, %d VMAs of %d bytes, %d of them accessible: %+v\n",
			windows, vmas, bytes, accessible, st)
	}
	return b.String()
}

// printSpace describes what a Space holds, but for what is cached.
func printSpace(s *addrspace.Space) string {
	var b strings.Builder
	st := s.Stats()
	fmt.Fprintln(&b, st.Windows, st.ReservedBytes, st.MappedBytes, st.Quarantined, st.QuarantinedBytes)
	for w := range s.All() {
		fmt.Fprintln(&b, w, w.Mapped())
	}
	return b.String()
}

// memfd returns a file of n bytes that is closed in the end.
func memfd(t *testing.T, n int) int {
	t.Helper()
	fd, err := sys.Memfd("faults", 0)
	must(t, err)
	t.Cleanup(func() { must(t, sys.Close(fd)) })
	must(t, sys.Truncate(fd, int64(n)))
	return fd
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
