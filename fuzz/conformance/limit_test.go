//go:build linux && !(386 || arm || mips || mipsle)

package conformance

import (
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// most is the vm.max_map_count up to which the limit is met for real.
const most = 1 << 20

// TestMapLimit: what still works when the process has as many VMAs as it may, and what
// does not. At the limit the Go runtime ends the process as soon as its heap has to
// grow, so a Space refuses at half of it. What it does then to give windows back rests on
// this list: whole VMAs can be unmapped and protected, and a file can grow; nothing can be
// mapped, not even over what is ours, and nothing cut. Linux 6.1 maps what merges with the
// mapping before it, of which nothing of ours makes use.
func TestMapLimit(t *testing.T) {
	if testutil.Race {
		t.Skip("the race detector needs mappings all the time")
	}
	count := sys.MaxMapCount()
	if count > most {
		t.Skipf("vm.max_map_count is %d: meeting it takes too long", count)
	}
	if !testutil.InChild(t, "-c 0") {
		return
	}
	needMoveKeep(t)
	guards := sys.Advise(0, 0, sys.AdviseGuardInstall) // Of nothing: whether it is known.
	fd, at := memfd(t, 32*mib), reserve(t, 64*mib, 0)
	mapFile(t, at, 8*mib, fd, 0)
	must(t, sys.Protect(at+2*mib, mib, unix.PROT_READ))
	put(at, 7)
	// The VMAs: pages of which every second has another protection.
	n := (uintptr(count) + 1000) * page
	start, err := sys.Reserve(0, n)
	must(t, err)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // Nothing of the runtime's must come between.
	// From here on until the release nothing is allocated.
	var results [12]error
	for off := page; off < n; off += 2 * page {
		if sys.Protect(start+off, page, unix.PROT_READ) != nil {
			break
		}
	}
	// Protecting makes two VMAs of one; one may be left.
	last, lastErr := sys.Reserve(0, page)
	results[0] = sys.Cover(at+16*mib, 2*mib)                                   // map over all of what is Reserved, in the middle
	results[1] = sys.MapShared(at+8*mib, mib, fd, 8*mib, readWrite)            // map a tail that would merge
	results[2] = sys.Unmap(at+4*mib, mib)                                      // unmap the middle of a VMA
	results[3] = sys.Protect(at+4*mib, mib, unix.PROT_NONE)                    // protect the middle of a VMA
	results[4] = sys.Advise(at+4*mib, mib, sys.AdviseDontDump)                 // advise the middle of a VMA
	results[5] = sys.Remap(at, 2*mib, 2*mib, at+32*mib, sys.RemapKeep)         // move page tables
	results[6] = sys.Advise(at, 2*mib, sys.AdviseDontNeed)                     // drop page tables
	results[7] = unix.Ftruncate(fd, 64*mib)                                    // make the file longer
	results[8] = sys.Protect(at+2*mib, mib, unix.PROT_NONE)                    // protect a whole VMA
	results[9] = sys.Advise(at+5*mib, page, sys.AdviseGuardInstall)            // install a guard
	results[10] = unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, int64(page)) // give the file memory
	results[11] = sys.Unmap(start, n)                                          // unmap very many whole VMAs: room again
	if lastErr == nil {
		must(t, sys.Unmap(last, page))
	}
	for i, c := range []struct {
		what string
		want []error
	}{
		{"covering", []error{unix.ENOMEM}},
		{"mapping a tail", []error{unix.ENOMEM, nil}}, // nil: before it counts first.
		{"unmapping a middle", []error{unix.ENOMEM}},
		{"protecting a middle", []error{unix.ENOMEM}},
		{"advising a middle", []error{unix.ENOMEM, unix.EAGAIN}},
		{"moving page tables", []error{unix.ENOMEM}},
		{"dropping page tables", nil},
		{"making the file longer", nil},
		{"protecting a whole VMA", nil},
		{"installing a guard", nil},
		{"giving the file memory", nil},
		{"unmapping whole VMAs", nil},
	} {
		if c.want == nil {
			if results[i] != nil && (c.what != "installing a guard" || guards == nil) {
				t.Errorf("%s: %v", c.what, results[i])
			}
			continue
		}
		wantErrno(t, c.what, errnoOf(results[i]), errnoOf(c.want[0]), errnoOf(c.want[len(c.want)-1]))
	}
	want(t, "what was mapped before", at, 7)
	// And all of it works again.
	must(t, sys.Unmap(at+4*mib, mib))
	must(t, sys.Cover(at+4*mib, mib))
}
