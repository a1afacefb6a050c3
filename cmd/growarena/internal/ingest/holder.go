package ingest

import (
	"bytes"
	"fmt"

	"github.com/growarena/growarena/arena"
)

// holder is a reader that does not let go: it keeps the newest view it has pinned
// until the arena has moved to another window, and reads all of it then, by its old
// addresses, beside the same bytes at their new ones. Its fields belong to its
// goroutine, and to whoever has waited for it to end.
type holder struct {
	arena    *arena.Arena
	frontier *frontier

	ready chan struct{} // closed when the first view is held, or there will be none

	windows int // left by the arena while held, and read since
	bytes   int // read in them
}

// run holds views until the stream has ended.
func (h *holder) run() error {
	var held arena.Guard
	pinned := false
	defer func() {
		if pinned {
			held.Unpin()
		} else {
			close(h.ready)
		}
	}()
	for at := 0; ; {
		next, ended, err := h.frontier.wait(at + 1)
		if err != nil || next == at { // It ended before.
			return err
		}
		at = next
		now, err := h.arena.Pin()
		if err != nil {
			return err
		}
		if pinned {
			err = h.compare(held.Bytes(), now.Bytes())
			held.Unpin()
		} else {
			close(h.ready)
		}
		held, pinned = now, true
		if err != nil || ended {
			return err
		}
	}
}

// compare reads what was pinned first and what is pinned now, neither of it empty,
// if that is elsewhere.
func (h *holder) compare(held, now []byte) error {
	if &held[0] == &now[0] {
		return nil
	}
	if len(now) < len(held) || !bytes.Equal(held, now[:len(held)]) {
		return fmt.Errorf("%d bytes read by the addresses from before a move are not the first of the %d there are since", len(held), len(now))
	}
	h.windows++
	h.bytes += len(held)
	return nil
}
