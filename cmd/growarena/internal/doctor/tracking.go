package doctor

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/track"
)

// trackingRow tries whether it can be known which pages were written.
func trackingRow() Row { return judgeTracking(tryTracking()) }

func judgeTracking(err error) Row {
	const name = "written pages"
	if err == nil {
		return ok(name, "told by userfaultfd write protection and PAGEMAP_SCAN: package track, checkpoints, Adopt")
	}
	change := "Linux 6.7 or newer with CONFIG_USERFAULTFD, on amd64 or arm64"
	switch {
	case errors.Is(err, sys.ENOENT):
		change = "mount /proc"
	case errors.Is(err, sys.EPERM), errors.Is(err, sys.EACCES), errors.Is(err, sys.ENOSYS):
		change = "a seccomp profile that allows userfaultfd, and a kernel with CONFIG_USERFAULTFD"
	}
	return missing(name, fmt.Sprintf("not told: %v", err),
		"an arena cannot be copied while it is written to, and private memory not be adopted; soft-dirty bits are not used: who reads them loses writes", change)
}

// tryTracking tracks a page and writes to it.
func tryTracking() (err error) {
	a, err := arena.NewArena(arena.Options{Name: "doctor", Headroom: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Free()) }()
	page, err := a.Alloc(os.Getpagesize())
	if err != nil {
		return err
	}
	t, err := track.New(page)
	if err != nil {
		return err
	}
	defer t.Close()
	for i, want := range []int{1, 0, 1} { // At first all of it counts as written.
		if i == 2 {
			page[0]++
		}
		found := 0
		for _, err := range t.Dirty() {
			if err != nil {
				return err
			}
			found++
		}
		if found != want {
			return fmt.Errorf("%w: a page that was written %d times is told %d times", track.ErrUnsupported, want, found)
		}
	}
	return nil
}
