package memfile

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// TestCommit_AsksFirst: small pages are taken only when the kernel has said that there is
// room, as it does for huge ones, and for one more; an answer is for so many bytes.
func TestCommit_AsksFirst(t *testing.T) {
	if !CanCollapse() {
		t.Skip("this kernel cannot be asked")
	}
	f, err := New(t.Name(), HugeAuto)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Grow(6 * ExtentSize); err != nil {
		t.Fatal(err)
	}
	asked.left = 0
	refused, questions := 0, 0 // The number of the question that is refused, 0 for none.
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c != sys.CallMadvise {
			return 0
		}
		if questions++; questions == refused {
			return syscall.EBUSY
		}
		return 0
	})
	defer restore()
	for refused = 1; refused <= 2; refused++ { // The second one is for the rest of the process.
		questions = 0
		if err := Commit(f.Fd(), 0, 0, ExtentSize, false); !errors.Is(err, sys.EBUSY) || !strings.Contains(err.Error(), "raise it (memory.max)") {
			t.Errorf("without room for huge page %d: %v", refused, err)
		}
		if n := f.Allocated(); n != 0 {
			t.Errorf("%d bytes taken without room", n)
		}
	}
	refused, questions = 0, 0
	if err := Commit(f.Fd(), 0, 0, 6*ExtentSize, false); err != nil {
		t.Error(err)
	}
	if n := f.Allocated(); n != 6*ExtentSize || questions != 5+3 {
		t.Errorf("%d bytes taken after %d questions", n, questions)
	}
	asked.left, asked.at, questions = ExtentSize, time.Now().Add(time.Hour), 0 // Does not age.
	for i, want := range []int{0, 0, 2} {
		if err := Commit(f.Fd(), 0, 0, ExtentSize/2, false); err != nil || questions != want {
			t.Errorf("half an extent, number %d: %d questions, %v", i, questions, err)
		}
	}
}

// TestCommit_OneAtATime: nobody else asks before what was asked for has been taken: the question
// would take the room meanwhile, and two would be told of the same room.
func TestCommit_OneAtATime(t *testing.T) {
	if !CanCollapse() {
		t.Skip("this kernel cannot be asked")
	}
	file := newFile(t)
	addr := mapped(t, file, 6*ExtentSize)
	for _, huge := range []bool{false, true} {
		calls := 0
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallAllocate || c == sys.CallMadvise {
				calls++
				if asked.mu.TryLock() {
					asked.mu.Unlock()
					t.Errorf("huge %v: call %d (%v): another could ask now", huge, calls, c)
				}
			}
			return 0
		})
		err := Commit(file.Fd(), 0, addr, 6*ExtentSize, huge)
		restore()
		if err != nil || calls < 6 {
			t.Errorf("huge %v: %d calls, %v", huge, calls, err)
		}
		if !asked.mu.TryLock() {
			t.Fatalf("huge %v: nobody can ask any more", huge)
		}
		asked.left = 0
		asked.mu.Unlock()
	}
}

// TestTryRoom_NoSmallPages: huge pages are asked for one after the other, and nothing is
// taken in between: where there is room for so many of them and not for one page
// more, that would end in the OOM killer.
func TestTryRoom_NoSmallPages(t *testing.T) {
	if !CanCollapse() {
		t.Skip("this kernel cannot be asked")
	}
	err := withTrial(func(tr *trial) error {
		have := func() int64 {
			info, err := sys.Stat(tr.fd)
			if err != nil {
				t.Error(err)
			}
			return info.Allocated
		}
		first := int64(0)
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallMadvise && first == 0 {
				first = have()
			}
			return 0
		})
		defer restore()
		err := tryRoom(tr, 2)
		if want := int64(2 * ExtentSize / nodePages); first != want {
			t.Errorf("%d bytes are there when the first is asked for, a page in each node are %d", first, want)
		}
		if n := have(); n != 2*ExtentSize {
			t.Errorf("%d bytes are there in the end", n)
		}
		return err
	})()
	if err != nil {
		t.Error(err)
	}
}

// TestCommit_Huge: whole extents become huge pages, what lies before and behind them small ones;
// where none can be made small ones are taken, but not where there is no memory.
func TestCommit_Huge(t *testing.T) {
	if !CanCollapse() {
		t.Skip("this kernel makes no huge pages on demand")
	}
	page := os.Getpagesize()
	file := newFile(t)
	addr := mapped(t, file, 4*ExtentSize)
	var answer syscall.Errno
	made := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		asked.left, asked.at = ExtentSize*roomExtents, time.Now().Add(time.Hour)
		if c == sys.CallMadvise {
			made++
			return answer
		}
		return 0
	})
	defer restore()
	asked.left, asked.at = ExtentSize*roomExtents, time.Now().Add(time.Hour)
	from, to := ExtentSize-page, 3*ExtentSize+page
	answer = syscall.EBUSY
	if err := Commit(file.Fd(), int64(from), addr+uintptr(from), to-from, true); !errors.Is(err, sys.EBUSY) {
		t.Errorf("without memory: %v", err)
	}
	if n := file.Allocated(); n != 2*page {
		t.Errorf("%d bytes taken, the page before and the extent's first one are %d", n, 2*page)
	}
	answer, made = syscall.EAGAIN, 0
	if err := Commit(file.Fd(), int64(from), addr+uintptr(from), to-from, true); err != nil || made != 2 || file.Allocated() != to-from {
		t.Errorf("where none can be made: %v, %d tried, %d bytes taken of %d", err, made, file.Allocated(), to-from)
	}
	answer, made = 0, 0
	if err := Commit(file.Fd(), int64(from), addr+uintptr(from), to-from, true); err != nil || made != 2 || file.Allocated() != to-from {
		t.Errorf("%v, %d made, %d bytes taken of %d", err, made, file.Allocated(), to-from)
	}
	asked.left = 0
}
