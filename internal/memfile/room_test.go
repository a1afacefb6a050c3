package memfile

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// TestCommit_AsksFirst: small pages are taken only when the kernel has said that there is
// room, as it does for huge ones; an answer is for so many bytes.
func TestCommit_AsksFirst(t *testing.T) {
	if !CanCollapse() {
		t.Skip("this kernel cannot be asked")
	}
	f, err := New(t.Name(), HugeAuto)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Grow(4 * ExtentSize); err != nil {
		t.Fatal(err)
	}
	asked.left = 0
	var refuse bool
	questions := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c != sys.CallMadvise {
			return 0
		}
		questions++
		if refuse {
			return syscall.EBUSY
		}
		return 0
	})
	defer restore()
	refuse = true
	if err := Commit(f.Fd(), 0, 0, ExtentSize); !errors.Is(err, sys.EBUSY) || !strings.Contains(err.Error(), "raise it (memory.max)") {
		t.Errorf("without room: %v", err)
	}
	if n := f.Allocated(); n != 0 {
		t.Errorf("%d bytes taken without room", n)
	}
	refuse, questions = false, 0
	if err := Commit(f.Fd(), 0, 0, 3*ExtentSize); err != nil {
		t.Error(err)
	}
	if n := f.Allocated(); n != 3*ExtentSize || questions != 3 {
		t.Errorf("%d bytes taken after %d questions", n, questions)
	}
	asked.left, asked.at, questions = ExtentSize, time.Now().Add(time.Hour), 0 // Does not age.
	for i, want := range []int{0, 0, 1} {
		if err := Commit(f.Fd(), 0, 0, ExtentSize/2); err != nil || questions != want {
			t.Errorf("half an extent, number %d: %d questions, %v", i, questions, err)
		}
	}
}
