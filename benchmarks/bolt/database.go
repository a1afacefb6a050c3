package bolt

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// entry is a key and its value.
type entry struct {
	key   uint64
	value []byte
}

// database is what is under test.
type database interface {
	// update puts entries, in one transaction.
	update(batch []entry) error
	// view calls f with a way to get values, all of one moment. They are valid
	// until f returns.
	view(f func(get func(key uint64) []byte) error) error
	// space returns the bytes of address space at which its file is mapped.
	space() int64
}

// setup says how a database is opened.
type setup struct {
	durable bool
	initial int // InitialMmapSize
}

// options returns the options of bbolt.
func (s setup) options() *bbolt.Options {
	o := *bbolt.DefaultOptions
	o.FreelistType, o.InitialMmapSize = bbolt.FreelistMapType, s.initial
	o.NoSync, o.NoGrowSync = !s.durable, !s.durable
	return &o
}

// scratch returns a new directory: in memory, if there is a place for that, or not.
func (s setup) scratch() (string, error) {
	const pattern = "growarena-bolt-"
	if !s.durable {
		if dir, err := os.MkdirTemp("/dev/shm", pattern); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", pattern)
}

// bolt is bbolt, or the copy, with one bucket.
type bolt struct {
	db  *bbolt.DB
	dir string
}

var bucket = []byte("b")

func open(s setup) (_ *bolt, err error) {
	b := new(bolt)
	if b.dir, err = s.scratch(); err != nil {
		return nil, err
	}
	if b.db, err = bbolt.Open(filepath.Join(b.dir, "db"), 0o600, s.options()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.dir))
	}
	err = b.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bolt) update(batch []entry) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		var key [8]byte
		for _, x := range batch {
			binary.BigEndian.PutUint64(key[:], x.key) // In the order of numbers.
			if err := b.Put(key[:], x.value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bolt) view(f func(get func(uint64) []byte) error) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		return f(func(key uint64) []byte {
			var k [8]byte
			binary.BigEndian.PutUint64(k[:], key)
			return b.Get(k[:])
		})
	})
}

func (b *bolt) space() int64 { return bench.Mapped(b.db.Path()) }

// size returns how long the file is.
func (b *bolt) size() (int64, error) {
	info, err := os.Stat(b.db.Path())
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (b *bolt) close() error { return errors.Join(b.db.Close(), os.RemoveAll(b.dir)) }
