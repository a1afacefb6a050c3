package work

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
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

func TestEnough(t *testing.T) {
	const least = 100 * time.Microsecond
	for _, test := range []struct {
		each time.Duration // that an operation takes
		want int
	}{
		{time.Microsecond, 100}, {10 * time.Microsecond, 50}, {time.Millisecond, 50}, {0, 50_000},
	} {
		done := 0
		_, n, err := Enough(least, 50, func(ops int) (time.Duration, error) {
			done += ops
			return time.Duration(ops) * test.each, nil
		})
		if err != nil || n != test.want || done != 50+n {
			t.Errorf("%v each: %d counted, %d done, %v; want %d counted", test.each, n, done, err, test.want)
		}
	}
	boom := errors.New("boom")
	if _, _, err := Enough(least, 1, func(int) (time.Duration, error) { return 0, boom }); !errors.Is(err, boom) {
		t.Error(err)
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
