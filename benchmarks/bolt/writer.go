package bolt

import (
	"fmt"
	"maps"
	"slices"

	"github.com/growarena/growarena/epoch"
)

// Writer is a change of a Store that is under way.
type Writer struct {
	tree
	store *Store
	own   map[pageID]bool // pages of this change, that nobody else sees
	freed []pageID        // pages of the published tree that this one has not
}

// Update calls f to change the content and publishes the result, or leaves
// everything as it was if f returns an error. One Update runs at a time.
func (s *Store) Update(f func(*Writer) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	w := &Writer{tree: s.domain.Value().(tree), store: s, own: map[pageID]bool{}}
	if err := f(w); err != nil {
		s.giveBack(slices.Collect(maps.Keys(w.own)))
		return err
	}
	// All pages are written: now others may see them. What the old tree had and
	// the new one has not is free when every reader that could see it has gone.
	freed := w.freed
	_, err := s.domain.Publish(w.tree, epoch.Retired{
		Bytes: int64(len(freed)) * pageSize,
		Free:  func() { s.giveBack(freed) },
	})
	return err
}

// giveBack makes pages free that nobody sees.
func (s *Store) giveBack(pages []pageID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, pages...)
}

// take returns a page that nobody sees, of unknown content.
func (s *Store) take() (pageID, error) {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		return id, nil
	}
	s.mu.Unlock()
	b, err := s.pages.Alloc(pageSize)
	if err != nil {
		return 0, err
	}
	return pageID(s.pages.Offset(b) / pageSize), nil
}

// page returns a page in the newest window. It must not be kept over a take,
// which may move the arena: the domain does not know of the writer.
func (w *Writer) page(id pageID) page {
	return page(w.store.pages.Bytes()[int(id)*pageSize:][:pageSize])
}

// take returns a new page of this change.
func (w *Writer) take() (pageID, error) {
	id, err := w.store.take()
	if err == nil {
		w.own[id] = true
	}
	return id, err
}

// writable returns a copy of a page that this change may write to, or the page
// itself if it is one already.
func (w *Writer) writable(id pageID) (pageID, error) {
	if w.own[id] {
		return id, nil
	}
	to, err := w.take()
	if err != nil {
		return 0, err
	}
	copy(w.page(to), w.page(id))
	w.freed = append(w.freed, id)
	return to, nil
}

// Put sets key to value, which is copied. It panics if value is longer than
// ValueMax.
func (w *Writer) Put(key uint64, value []byte) error {
	if len(value) > ValueMax {
		panic(fmt.Sprintf("bolt: a value of %d bytes", len(value)))
	}
	if w.height == 0 {
		id, err := w.take()
		if err != nil {
			return err
		}
		w.page(id).init(leaf)
		w.tree = tree{root: id, height: 1}
	}
	left, right, err := w.put(w.root, key, value)
	if err != nil {
		return err
	}
	w.root = left
	if right == 0 {
		return nil
	}
	id, err := w.take()
	if err != nil {
		return err
	}
	top := w.page(id)
	top.init(branch)
	top.insertChild(0, 0, left)
	top.insertChild(1, w.page(right).key(0), right)
	w.tree = tree{root: id, height: w.height + 1}
	return nil
}

// put sets key to value below a page. It returns the page that takes its place
// and, if that was split, the one behind it. After an error the tree is lost, and
// with it the change.
func (w *Writer) put(id pageID, key uint64, value []byte) (self, right pageID, err error) {
	if self, err = w.writable(id); err != nil {
		return 0, 0, err
	}
	if w.page(self).kind() == leaf {
		if w.page(self).put(key, value) {
			return self, 0, nil
		}
		w.copy(self).rewrite(w.page(self))
		if w.page(self).put(key, value) {
			return self, 0, nil
		}
		if right, err = w.split(self); err != nil {
			return 0, 0, err
		}
		into := self
		if key >= w.page(right).key(0) {
			into = right
		}
		w.page(into).put(key, value)
		return self, right, nil
	}
	at := w.page(self).descend(key)
	child, behind, err := w.put(w.page(self).child(at), key, value)
	if err != nil {
		return 0, 0, err
	}
	w.page(self).setChild(at, child)
	if behind == 0 {
		return self, 0, nil
	}
	first := w.page(behind).key(0)
	if w.page(self).insertChild(at+1, first, behind) {
		return self, 0, nil
	}
	if right, err = w.split(self); err != nil {
		return 0, 0, err
	}
	into := w.page(self)
	if first >= w.page(right).key(0) {
		into = w.page(right)
	}
	into.insertChild(into.descend(first)+1, first, behind)
	return self, right, nil
}

// split moves the second half of a page to a new one.
func (w *Writer) split(id pageID) (right pageID, err error) {
	if right, err = w.take(); err != nil {
		return 0, err
	}
	w.copy(id).split(w.page(id), w.page(right))
	return right, nil
}

// copy returns a copy of a page, good until the next one.
func (w *Writer) copy(id pageID) page {
	copy(w.store.scratch[:], w.page(id))
	return w.store.scratch[:]
}
