package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// entry is a key and its value.
type entry struct {
	key   uint64
	value []byte
}

// engine is a database under test.
type engine interface {
	// update puts entries, in one transaction.
	update(batch []entry) error
	// view calls f with a way to get values, all of one moment. They are valid
	// until f returns.
	view(f func(get func(key uint64) []byte) error) error
	// moves returns how often the data has been seen at another address. For the
	// goroutine that updates.
	moves() int
	// size returns how many bytes the data takes, free pages included.
	size() (int64, error)
	close() error
}

// scratch returns a new directory, in memory where the system has a place for that.
func scratch() (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", "growarena-bolt-"); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", "growarena-bolt-")
}

// bboltEngine is bbolt with one bucket.
type bboltEngine struct {
	db   *bbolt.DB
	dir  string
	base uintptr // where the file was mapped when last looked
	n    int     // times it was somewhere else
}

var bucket = []byte("b")

// newBbolt returns a new database that maps so many bytes of its file at first, or as
// few as bbolt does by itself.
func newBbolt(initial int) (_ engine, err error) {
	e := new(bboltEngine)
	if e.dir, err = scratch(); err != nil {
		return nil, err
	}
	e.db, err = bbolt.Open(filepath.Join(e.dir, "db"), 0o600, &bbolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true,
		FreelistType: bbolt.FreelistMapType, InitialMmapSize: initial, PageSize: pageSize,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(e.dir))
	}
	err = e.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	e.base = e.db.Info().Data
	return e, nil
}

func (e *bboltEngine) update(batch []entry) error {
	err := e.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		var key [8]byte
		for _, x := range batch {
			binary.BigEndian.PutUint64(key[:], x.key) // in the order of numbers
			if err := b.Put(key[:], x.value); err != nil {
				return err
			}
		}
		return nil
	})
	if at := e.db.Info().Data; at != e.base {
		e.base = at
		e.n++
	}
	return err
}

func (e *bboltEngine) view(f func(get func(uint64) []byte) error) error {
	return e.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		return f(func(key uint64) []byte {
			var k [8]byte
			binary.BigEndian.PutUint64(k[:], key)
			return b.Get(k[:])
		})
	})
}

func (e *bboltEngine) moves() int { return e.n }

func (e *bboltEngine) size() (n int64, err error) {
	err = e.db.View(func(tx *bbolt.Tx) error {
		n = tx.Size()
		return nil
	})
	return n, err
}

func (e *bboltEngine) close() error { return errors.Join(e.db.Close(), os.RemoveAll(e.dir)) }

// storeEngine is a Store.
type storeEngine struct {
	s    *Store
	file *os.File // or nil
	dir  string
}

// newStore returns a new store, its pages in a file if asked to.
func newStore(o StoreOptions, file bool) (_ engine, err error) {
	e := new(storeEngine)
	if file {
		if e.dir, err = scratch(); err != nil {
			return nil, err
		}
		if e.file, err = os.Create(filepath.Join(e.dir, "pages")); err != nil {
			return nil, errors.Join(err, os.RemoveAll(e.dir))
		}
		o.File = e.file
	}
	if e.s, err = OpenStore(o); err != nil {
		return nil, errors.Join(err, e.remove())
	}
	return e, nil
}

func (e *storeEngine) update(batch []entry) error {
	return e.s.Update(func(w *Writer) error {
		for _, x := range batch {
			if err := w.Put(x.key, x.value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *storeEngine) view(f func(get func(uint64) []byte) error) error {
	return e.s.View(func(r Reader) error { return f(r.Get) })
}

func (e *storeEngine) moves() int {
	g := e.s.Stats().Growth
	return g.Rehomed + g.Aliased
}

func (e *storeEngine) size() (int64, error) { return int64(e.s.Stats().Len), nil }

func (e *storeEngine) close() error {
	return errors.Join(e.s.Close(context.Background()), e.remove())
}

// remove removes the file, if there is one.
func (e *storeEngine) remove() error {
	if e.file == nil {
		return nil
	}
	return errors.Join(e.file.Close(), os.RemoveAll(e.dir))
}
