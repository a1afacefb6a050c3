package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// Store is a copy-on-write B+tree of uint64 keys and values of bytes, in pages of
// an arena. One writer changes pages that nobody sees yet and then publishes the
// new root; a reader pins the domain and keeps the tree of that moment. The same
// pin holds both things that a commit can take away: pages that the new tree does
// not contain, which are used again when no reader is left that could see them,
// and windows that the arena has outgrown. So no reader ever waits for a writer
// or the other way round, growth included.
//
// What it lacks is in the package comment.
type Store struct {
	pages  *arena.Arena
	domain *epoch.Domain // Publishes tree.

	writer  sync.Mutex     // Held for the length of an Update.
	scratch [pageSize]byte // A page that is being written anew. Protected by writer.

	mu   sync.Mutex
	free []pageID // nobody's. Protected by mu.
}

// tree is one version of the content.
type tree struct {
	root   pageID
	height int // 0: empty; 1: the root is a leaf
}

// StoreOptions say where the pages are. The zero value works.
type StoreOptions struct {
	Reserve int         // arena.Options.Reserve
	Rungs   arena.Rungs // arena.Options.Rungs
	File    *os.File    // arena.Options.File: empty, and not the Store's to close
}

// OpenStore returns an empty store.
func OpenStore(o StoreOptions) (*Store, error) {
	s := &Store{domain: epoch.NewDomain(epoch.Options{Name: "store"})}
	var err error
	s.pages, err = arena.NewArena(arena.Options{
		Name: "store", Reserve: o.Reserve, Rungs: o.Rungs, File: o.File, Domain: s.domain,
	})
	if err != nil {
		return nil, err
	}
	if s.pages.Len() != 0 {
		return nil, errors.Join(fmt.Errorf("bolt: the file of a store has %d bytes", s.pages.Len()), s.pages.Free())
	}
	if _, err := s.pages.AllocAligned(pageSize, pageSize); err != nil { // page 0
		return nil, errors.Join(err, s.pages.Free())
	}
	if _, err := s.domain.Publish(tree{}); err != nil {
		return nil, errors.Join(err, s.pages.Free())
	}
	return s, nil
}

// Close gives everything back. It waits for readers until ctx ends.
func (s *Store) Close(ctx context.Context) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	return errors.Join(s.pages.Free(), s.domain.Shutdown(ctx))
}

// Stats returns those of the arena.
func (s *Store) Stats() arena.Stats { return s.pages.Stats() }

// View calls f with the content of this moment. What it gets from the Reader is
// valid until it returns.
func (s *Store) View(f func(Reader) error) error {
	g, err := s.domain.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	t := g.Value().(tree)
	// Loaded after the pin: the window stays as long as it, and is no shorter
	// than any page the tree refers to.
	return f(Reader{tree: t, pages: s.pages.Bytes()})
}

// Reader is the content at one moment.
type Reader struct {
	tree
	pages []byte
}

func (r Reader) page(id pageID) page { return page(r.pages[int(id)*pageSize:][:pageSize]) }

// Get returns the value of key, in place, or nil if there is none.
func (r Reader) Get(key uint64) []byte {
	if r.height == 0 {
		return nil
	}
	p := r.page(r.root)
	for range r.height - 1 {
		p = r.page(p.child(p.descend(key)))
	}
	if i, found := p.find(key); found {
		return p.value(i)
	}
	return nil
}

// All calls f with each key and value in order until it returns false.
func (r Reader) All(f func(key uint64, value []byte) bool) {
	if r.height > 0 {
		r.walk(r.root, f)
	}
}

func (r Reader) walk(id pageID, f func(uint64, []byte) bool) bool {
	p := r.page(id)
	for i := range p.n() {
		if p.kind() == branch && !r.walk(p.child(i), f) || p.kind() == leaf && !f(p.key(i), p.value(i)) {
			return false
		}
	}
	return true
}
