package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/growarena/growarena/arena"
)

// stores are the ways to keep pages: each must behave the same.
func stores(t *testing.T) map[string]StoreOptions {
	file, err := os.CreateTemp(t.TempDir(), "pages")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return map[string]StoreOptions{
		"Memfd":        {},
		"File":         {File: file},
		"AlwaysMoving": {Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome},
		"AlwaysAgain":  {Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungAlias},
	}
}

func open(t *testing.T, o StoreOptions) *Store {
	t.Helper()
	s, err := OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check compares everything in the store with the model, and counts its pages.
func check(t *testing.T, s *Store, model map[uint64][]byte) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(model))
	err := s.View(func(r Reader) error {
		i := 0
		for key, value := range r.All {
			if i == len(keys) || key != keys[i] || !bytes.Equal(value, model[key]) {
				return fmt.Errorf("entry %d is %d: %d bytes", i, key, len(value))
			}
			i++
		}
		for _, key := range keys {
			if got := r.Get(key); !bytes.Equal(got, model[key]) || got == nil {
				return fmt.Errorf("Get(%d) gives %d bytes, want %d", key, len(got), len(model[key]))
			}
			if _, ok := model[key+1]; !ok && r.Get(key+1) != nil {
				return fmt.Errorf("Get(%d) gives something", key+1)
			}
		}
		if i != len(keys) {
			return fmt.Errorf("%d entries, want %d", i, len(keys))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.domain.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[pageID]bool{0: true}
	note := func(id pageID) {
		if seen[id] {
			t.Fatalf("page %d is in use twice, or in use and free", id)
		}
		seen[id] = true
	}
	err = s.View(func(r Reader) error {
		var walk func(id pageID, height int)
		walk = func(id pageID, height int) {
			note(id)
			p := r.page(id)
			if (p.kind() == leaf) != (height == 1) || p.n() == 0 {
				t.Fatalf("page %d at height %d: kind %d, %d entries", id, height, p.kind(), p.n())
			}
			for i := range p.n() {
				if p.kind() == branch {
					walk(p.child(i), height-1)
				}
			}
		}
		if r.height > 0 {
			walk(r.root, r.height)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range s.free {
		note(id)
	}
	if len(seen)*pageSize != s.pages.Len() {
		t.Fatalf("%d pages are in use or free, of %d", len(seen), s.pages.Len()/pageSize)
	}
}

// TestStore_Model does random changes, some of them given up, to a store and to a
// map.
func TestStore_Model(t *testing.T) {
	updates := 400
	if testing.Short() {
		updates = 100
	}
	giveUp := errors.New("give up")
	for name, o := range stores(t) {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			s, model := open(t, o), map[uint64][]byte{}
			check(t, s, model)
			for i := range updates {
				next := maps.Clone(model)
				bits := rng.IntN(64)
				err := s.Update(func(w *Writer) error {
					for range rng.IntN(200) {
						key, value := rng.Uint64()>>bits, make([]byte, rng.IntN(ValueMax+1))
						for j := range value {
							value[j] = byte(key) + byte(j)
						}
						if err := w.Put(key, value); err != nil {
							return err
						}
						next[key] = value
					}
					if i%5 == 4 {
						return giveUp
					}
					return nil
				})
				if err == nil {
					model = next
				} else if i%5 != 4 || !errors.Is(err, giveUp) {
					t.Fatal(err)
				}
				if i%20 == 0 || i == updates-1 {
					check(t, s, model)
				}
			}
			if g := s.Stats().Growth; o.Rungs&arena.RungRehome != 0 && g.Rehomed == 0 || o.Rungs&arena.RungAlias != 0 && g.Aliased == 0 {
				t.Errorf("the arena never moved: %+v", g)
			}
		})
	}
}

// TestStore_Ascending fills pages from one end, which splits the last one always.
func TestStore_Ascending(t *testing.T) {
	for _, step := range []int64{1, -1} {
		s, model := open(t, StoreOptions{}), map[uint64][]byte{}
		err := s.Update(func(w *Writer) error {
			for i := range int64(20_000) {
				key := uint64(1<<40 + step*i)
				model[key] = []byte{byte(i), byte(i >> 8)}
				if err := w.Put(key, model[key]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s, model)
	}
}

// TestStore_Snapshot: readers see the content of one moment, all of it and for as
// long as they look, while the writer replaces it and the arena moves; and
// moments come in order.
func TestStore_Snapshot(t *testing.T) {
	const keys = 64
	updates := 2000
	if testing.Short() {
		updates = 300
	}
	for name, o := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			done := make(chan struct{})
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					last := uint64(0)
					for ended := false; !ended; {
						select {
						case <-done:
							ended = true
						default:
						}
						err := s.View(func(r Reader) error {
							for range 1 + i*20 { // a few readers stay for long
								at := moment(r, keys)
								if at < last {
									return fmt.Errorf("at %d after %d", at, last)
								}
								if last = at; at == 1<<64-1 {
									return fmt.Errorf("a mixture of moments")
								}
							}
							return nil
						})
						if err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			value, fill := make([]byte, 600), make([]byte, ValueMax)
			for at := range uint64(updates) {
				binary.LittleEndian.PutUint64(value, at)
				err := s.Update(func(w *Writer) error {
					for key := range uint64(keys) {
						if err := w.Put(key<<32, value); err != nil {
							return err
						}
					}
					return w.Put(1<<60+at, fill) // so that it grows
				})
				if err != nil {
					t.Error(err)
					break
				}
			}
			close(done)
			wg.Wait()
		})
	}
}

// moment returns the value that all keys have, the greatest number if they differ.
func moment(r Reader, keys uint64) (at uint64) {
	for key := range keys {
		v := r.Get(key << 32)
		if v == nil {
			continue
		}
		switch here := binary.LittleEndian.Uint64(v); {
		case key == 0:
			at = here
		case here != at:
			return 1<<64 - 1
		}
	}
	return at
}

// TestStore_LongReader: what a reader has in hand stays what it was, in place, and
// the writer goes on; the pages it held up are free afterwards.
func TestStore_LongReader(t *testing.T) {
	s, model := open(t, StoreOptions{Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome}), map[uint64][]byte{}
	put := func(n int, fill byte) {
		t.Helper()
		err := s.Update(func(w *Writer) error {
			for key := range uint64(n) {
				model[key] = bytes.Repeat([]byte{fill}, 500)
				if err := w.Put(key, model[key]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(100, 'a')
	err := s.View(func(r Reader) error {
		var values [][]byte
		for _, v := range r.All {
			values = append(values, v)
		}
		for i := range byte(20) {
			put(2000, 'b'+i)
		}
		if g := s.Stats().Growth; g.Rehomed == 0 {
			return fmt.Errorf("the arena never moved: %+v", g)
		}
		for _, v := range values {
			if !bytes.Equal(v, bytes.Repeat([]byte{'a'}, 500)) {
				return fmt.Errorf("a value has changed: %.20q", v)
			}
		}
		if r.Get(100) != nil {
			return errors.New("a key came later")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, model)
	before := s.pages.Len()
	for range 20 {
		put(2000, 'z')
		check(t, s, model)
	}
	if s.pages.Len() > before {
		t.Errorf("pages are not used again: %d bytes after %d", s.pages.Len(), before)
	}
}

func TestStore_Misuse(t *testing.T) {
	s := open(t, StoreOptions{})
	defer func() {
		if recover() == nil {
			t.Error("a value that is too long did not panic")
		}
	}()
	_ = s.Update(func(w *Writer) error { return w.Put(1, make([]byte, ValueMax+1)) })
}

// TestStore_NotEmpty: the store has no way to find its root in a file.
func TestStore_NotEmpty(t *testing.T) {
	file := stores(t)["File"].File
	if _, err := file.WriteString("something"); err != nil {
		t.Fatal(err)
	}
	if s, err := OpenStore(StoreOptions{File: file}); err == nil {
		t.Error("a store was opened over somebody's data")
		_ = s.Close(context.Background())
	}
}
