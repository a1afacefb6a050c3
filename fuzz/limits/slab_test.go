//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestSlab_RoomComesBack: an allocator that is first used while addresses are short says
// what to change, and has what it needs when others have given theirs back.
func TestSlab_RoomComesBack(t *testing.T) {
	if testutil.Race {
		t.Skip("the race detector takes more addresses than any limit leaves")
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if !testutil.InChild(t, "-v 3000000") {
		return
	}
	var all []*addrspace.Window
	for {
		w, err := addrspace.Default().Reserve(8*mib, addrspace.ReserveOptions{})
		if err != nil {
			break
		}
		all = append(all, w)
	}
	for len(all) > 0 && sys.AddressRoom() < 384*mib { // What is left to the Go runtime, and half as much again.
		must(t, all[0].Release())
		must(t, addrspace.Default().Trim())
		all = all[1:]
	}
	a := slab.New(slab.Options{Name: "index"})
	var parts objects
	for i := 0; ; i++ {
		err := parts.take(a.Alloc(mib / 2))
		if err == nil && i < 1000 {
			continue
		}
		if !errors.Is(err, addrspace.ErrNoSpace) || !strings.Contains(err.Error(), "RLIMIT_AS is ") {
			t.Errorf("after %d: %v", i, err)
		}
		break
	}
	for _, w := range all {
		must(t, w.Release())
	}
	for i := range 400 {
		if err := parts.take(a.Alloc(mib / 2)); err != nil {
			t.Fatalf("room came back: after %d: %v", i, err)
		}
	}
	parts.check(t)
	for _, b := range parts.all {
		a.Free(b)
	}
	must(t, a.Close())
}

// TestSlab_LeavesAddresses: an allocator takes no more addresses than a small part of
// what is left, so that others, and its large objects, find some.
func TestSlab_LeavesAddresses(t *testing.T) {
	if testutil.Race {
		t.Skip("the race detector takes more addresses than any limit leaves")
	}
	if !testutil.InChild(t, "-v 2097152") {
		return
	}
	a := slab.New(slab.Options{Name: "index"})
	var parts objects
	for live := 0; live < 300*mib; live += mib / 2 {
		must(t, parts.take(a.Alloc(mib/2)))
		if at := live / mib; live%mib == 0 && (at == 9 || at == 40 || at == 298) {
			must(t, parts.take(a.Alloc(2*mib)))
		}
	}
	w, err := addrspace.Default().Reserve(64*mib, addrspace.ReserveOptions{})
	must(t, err)
	must(t, w.Release())
	parts.check(t)
	for _, b := range parts.all {
		a.Free(b)
	}
	must(t, a.Close())
}
