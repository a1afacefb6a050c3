package dirty

import (
	"errors"
	"sync"

	"github.com/growarena/growarena/internal/sys"
)

// ErrWatched is why a guard is not installed.
var ErrWatched = errors.New("the writes to it are tracked")

// watched is all that the watchers of this process watch: for each of them the ranges, by their start. Some may have been
// unmapped since. Its lock comes after all others.
var watched struct {
	mu sync.RWMutex
	by map[*Watcher]map[uintptr]uintptr // end by start. Protected by mu.
}

// Guard makes [start, end), which is mapped, inaccessible (MADV_GUARD_INSTALL), or returns ErrWatched if some of it is watched: the
// kernel (6.18) drops a page, finds the mark that it was protected, drops that, and so on for good. Nobody begins to watch it meanwhile.
func Guard(start, end uintptr) error {
	watched.mu.RLock()
	defer watched.mu.RUnlock()
	if some, _ := watchedLocked(start, end); some {
		return ErrWatched
	}
	return sys.Advise(start, end-start, sys.AdviseGuardInstall)
}

// IsPartlyWatched reports whether some of [start, end) is watched, and not all of it by one area: then it is several
// mappings of the kernel's.
func IsPartlyWatched(start, end uintptr) bool {
	watched.mu.RLock()
	defer watched.mu.RUnlock()
	some, all := watchedLocked(start, end)
	return some && !all
}

// watchedLocked reports whether some of [start, end) is watched, and whether all of it is, in one area.
//
// Preconditions: watched.mu is held.
func watchedLocked(start, end uintptr) (some, all bool) {
	for _, ranges := range watched.by {
		for s, e := range ranges {
			some = some || s < end && start < e
			all = all || s <= start && end <= e
		}
	}
	return some, all
}

// enterLocked has it known that w watches [start, end), and returns what undoes that.
//
// Preconditions: watched.mu is held.
func (w *Watcher) enterLocked(start, end uintptr) (undo func()) {
	if watched.by == nil {
		watched.by = map[*Watcher]map[uintptr]uintptr{}
	}
	if watched.by[w] == nil {
		watched.by[w] = map[uintptr]uintptr{}
	}
	ranges := watched.by[w]
	was, ok := ranges[start]
	ranges[start] = max(was, end)
	return func() {
		if ranges[start] = was; !ok {
			w.leaveLocked(start)
		}
	}
}

// leaveLocked has it known that w watches what begins at start no more.
//
// Preconditions: watched.mu is held.
func (w *Watcher) leaveLocked(start uintptr) {
	delete(watched.by[w], start)
	if len(watched.by[w]) == 0 {
		delete(watched.by, w)
	}
}
