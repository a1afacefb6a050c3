package work

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
)

func TestShare(t *testing.T) {
	for _, g := range []int{1, 3, 8} {
		var sum, calls atomic.Int64
		if _, err := Share(g, 100, func(worker, ops int) error {
			sum.Add(int64(ops))
			calls.Add(1)
			return nil
		}); err != nil || sum.Load() != 100 || calls.Load() != int64(g) {
			t.Errorf("%d goroutines did %d of 100 operations in %d calls: %v", g, sum.Load(), calls.Load(), err)
		}
	}
	boom := errors.New("boom")
	if _, err := Share(2, 2, func(worker, ops int) error {
		if worker == 1 {
			return boom
		}
		return nil
	}); !errors.Is(err, boom) {
		t.Errorf("error of a goroutine: %v", err)
	}
}

func TestMark(t *testing.T) {
	b := make([]byte, 24)
	if Check(b, 0) == nil {
		t.Error("memory nobody wrote to passes")
	}
	Mark(b, 7)
	if err := Check(b, 7); err != nil {
		t.Error(err)
	}
	for _, i := range []int{0, 23} {
		b[i]++
		if Check(b, 7) == nil {
			t.Errorf("a change of byte %d is not noticed", i)
		}
		b[i]--
	}
}

func TestMarkPages(t *testing.T) {
	b := make([]byte, 10*page)
	MarkPages(b[:4*page], 0)
	MarkPages(b, 4*page)
	if err := CheckPages(b); err != nil {
		t.Error(err)
	}
	if CheckPages(b[page:]) == nil {
		t.Error("pages at the wrong place pass")
	}
	b[5*page]++
	if CheckPages(b) == nil {
		t.Error("a change of a page is not noticed")
	}
}

func TestNoRoom(t *testing.T) {
	if why := NoRoom(1 << 10); why != "" {
		t.Error(why)
	}
	if runtime.GOOS == "linux" && NoRoom(1<<60) == "" {
		t.Error("there is room for an exbibyte")
	}
}
