//go:build !portable && !exploreshm

package shm

import (
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestDropFront_LittleIsLive: how much of the front stays goes by what is live, not by what was ever published.
func TestDropFront_LittleIsLive(t *testing.T) {
	w := create(t, Options{Droppable: true, Arena: arena.Options{HugePages: arena.HugeNever, Headroom: -1}})
	for _, keep := range []int{20 << 20, 4 << 20, 300 << 10, 0} {
		for w.Published() < 32<<20 {
			write(t, w, 1<<20)
		}
		if err := w.KeepLast(keep); err != nil {
			t.Fatal(err)
		}
		if want := align.Down(w.Published()-keep, memfile.Granule(keep)); w.punched != want {
			t.Errorf("with %d bytes live it is given back up to %d, want %d", keep, w.punched, want)
		}
	}
}

// TestClose_Disk: on a disk the data is synced before it is said to be complete, and that after.
func TestClose_Disk(t *testing.T) {
	w := create(t, Options{Dir: diskDir(t), Name: "x"})
	write(t, w, 1000)
	l := w.l
	var states []State
	var synced []uint64
	testutil.Tap(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}, func(_ int, c sys.Call) syscall.Errno {
		if c == sys.CallFsync {
			states, synced = append(states, State(l.state.Load())), append(synced, l.synced.Load())
		}
		return 0
	})
	if !slices.Equal(states, []State{StateLive, StateLive, StateClosed}) || !slices.Equal(synced, []uint64{0, 1000, 1000}) {
		t.Errorf("it is synced in the states %v, with %v bytes said to be synced", states, synced)
	}
}

// TestAppend_Torn: an append whose source cannot be read may have written half: nothing is appended
// behind that.
func TestAppend_Torn(t *testing.T) {
	w := create(t, Options{})
	write(t, w, 1000)
	at, err := sys.Reserve(0, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sys.Unmap(at, 1<<16); err != nil {
			t.Error(err)
		}
	}()
	func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() {
			if recover() == nil {
				t.Error("nothing can be read there, and it was appended")
			}
		}()
		_, _ = w.Append(unsafe.Slice((*byte)(sys.Pointer(at)), 1000))
	}()
	if w.Published() != 1000 {
		t.Errorf("%d bytes are published", w.Published())
	}
	if _, err := w.Append([]byte("more")); err == nil || !strings.Contains(err.Error(), "after an append that failed") {
		t.Errorf("behind it: %v", err)
	}
}

// TestSync_Overtaken: a Sync that begins later, and is done earlier, says more, and that stays said.
func TestSync_Overtaken(t *testing.T) {
	w := create(t, Options{Dir: diskDir(t), Name: "x"})
	write(t, w, 1000)
	once := false
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallFsync && !once {
			once = true
			write(t, w, 500)
			if err := w.Sync(); err != nil {
				t.Error(err)
			}
		}
		return 0
	})
	err := w.Sync()
	restore()
	if err != nil {
		t.Error(err)
	}
	if n := w.l.synced.Load(); !once || n != 1500 {
		t.Errorf("%d bytes are said to be synced, want 1500", n)
	}
}
