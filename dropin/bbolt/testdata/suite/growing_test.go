package bbolt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// These tests are put beside bbolt's own in the copy.

func growingValue(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 3000) }

// growingOpen makes a database of some 3 MB.
func growingOpen(t *testing.T, o bolt.Options) *bolt.DB {
	t.Helper()
	o.NoSync = true
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, &o)
	growingOK(t, err)
	growingPut(t, db, 0, 1000)
	return db
}

func growingOK(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func growingKey(i int) []byte { return []byte{byte(i >> 16), byte(i >> 8), byte(i)} }

// growingTry commits keys [from, to) in one transaction.
func growingTry(db *bolt.DB, from, to int) error {
	return db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("b"))
		for i := from; err == nil && i < to; i++ {
			err = b.Put(growingKey(i), growingValue(i))
		}
		return err
	})
}

func growingPut(t *testing.T, db *bolt.DB, from, to int) {
	t.Helper()
	growingOK(t, growingTry(db, from, to))
}

// growingSame fails unless the transaction sees the keys [0, n).
func growingSame(t *testing.T, tx *bolt.Tx, n int) {
	t.Helper()
	i := 0
	growingOK(t, tx.Bucket([]byte("b")).ForEach(func(k, v []byte) error {
		if !bytes.Equal(k, growingKey(i)) || !bytes.Equal(v, growingValue(i)) {
			t.Fatalf("key %d: %x with %d bytes", i, k, len(v))
		}
		i++
		return nil
	}))
	if i != n {
		t.Fatalf("%d keys, want %d", i, n)
	}
}

// growingCheck fails unless the database is whole and has the keys [0, n).
func growingCheck(t *testing.T, db *bolt.DB, n int) {
	t.Helper()
	growingOK(t, db.View(func(tx *bolt.Tx) error {
		growingSame(t, tx, n)
		for err := range tx.Check() { // Of an older View it would complain, as bbolt does.
			t.Fatal(err)
		}
		return nil
	}))
}

// growingMapped counts the places where a file is mapped.
func growingMapped(t *testing.T, path string) (places int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	growingOK(t, err)
	var end string
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), path) {
			continue
		}
		at, _, _ := strings.Cut(line, " ")
		from, to, _ := strings.Cut(at, "-")
		if from != end {
			places++
		}
		end = to
	}
	return places
}

// TestGrowing_Views holds a View of every size that the database has had, while it grows to
// 50 MB, reads them all again, and ends them in another order.
func TestGrowing_Views(t *testing.T) {
	for name, o := range map[string]bolt.Options{
		"default":         {},
		"NoGrowSync":      {NoGrowSync: true},
		"NoFreelistSync":  {NoFreelistSync: true, FreelistType: bolt.FreelistMapType},
		"InitialMmapSize": {InitialMmapSize: 16 << 20},
		"MAP_POPULATE":    {MmapFlags: syscall.MAP_POPULATE},
	} {
		t.Run(name, func(t *testing.T) {
			db := growingOpen(t, o)
			var views []*bolt.Tx
			for n := 1000; n <= 8000; n *= 2 {
				v, err := db.Begin(false)
				growingOK(t, err)
				views = append(views, v)
				growingPut(t, db, n, 2*n)
			}
			for i, v := range views {
				growingSame(t, v, 1000<<i)
			}
			if n := growingMapped(t, db.Path()); n < 3 {
				t.Errorf("the file is mapped in %d places, want those that the Views began with", n)
			}
			for _, i := range []int{1, 0, 3, 2} {
				growingOK(t, views[i].Rollback())
			}
			n := growingMapped(t, db.Path())
			for range 6000 { // Old mappings go in the background.
				if n == 1 {
					break
				}
				time.Sleep(10 * time.Millisecond)
				n = growingMapped(t, db.Path())
			}
			if n != 1 {
				t.Errorf("the file is mapped in %d places, a minute after the last View has ended", n)
			}
			growingCheck(t, db, 16000)
			growingOK(t, db.Close())
		})
	}
}

// TestGrowing_Update outgrows the map several times in one transaction, and reads at its
// end what it was given at its beginning, also by a cursor.
func TestGrowing_Update(t *testing.T) {
	db := growingOpen(t, bolt.Options{})
	growingOK(t, db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("b"))
		value := b.Get(growingKey(500))
		for i := 1000; i < 9000; i++ {
			if err := b.Put(growingKey(i), growingValue(i)); err != nil {
				return err
			}
			if i%1000 == 0 { // Big values take pages at once.
				c, err := tx.CreateBucket(growingKey(i))
				if err != nil {
					return err
				}
				if err := c.Put([]byte("big"), make([]byte, 8<<20)); err != nil {
					return err
				}
			}
		}
		tx.OnCommit(func() {})
		if !bytes.Equal(value, growingValue(500)) {
			t.Error("a value has changed while its transaction was open")
		}
		return nil
	}))
	growingCheck(t, db, 9000)
	growingOK(t, db.Close())
}

// TestGrowing_Close closes beside a View, which Close waits for, and which reads on.
func TestGrowing_Close(t *testing.T) {
	db := growingOpen(t, bolt.Options{})
	view, err := db.Begin(false)
	growingOK(t, err)
	growingPut(t, db, 1000, 4000)
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	growingSame(t, view, 1000)
	select {
	case err := <-closed:
		t.Fatalf("Close did not wait for a View: %v", err)
	default:
	}
	growingOK(t, view.Rollback())
	growingOK(t, <-closed)
	if _, err := db.Begin(false); err != bolt.ErrDatabaseNotOpen {
		t.Errorf("after Close: %v", err)
	}
}

// TestGrowing_ReadOnly opens twice for reading what has grown.
func TestGrowing_ReadOnly(t *testing.T) {
	db := growingOpen(t, bolt.Options{})
	path := db.Path()
	growingOK(t, db.Close())
	for range 2 {
		db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true})
		growingOK(t, err)
		defer db.Close()
		growingCheck(t, db, 1000)
	}
}

// TestGrowing_Compact copies beside a View into a database that grows by that.
func TestGrowing_Compact(t *testing.T) {
	db := growingOpen(t, bolt.Options{})
	growingPut(t, db, 1000, 4000)
	to, err := bolt.Open(filepath.Join(t.TempDir(), "to"), 0o600, nil)
	growingOK(t, err)
	view, err := to.Begin(false)
	growingOK(t, err)
	growingOK(t, bolt.Compact(to, db, 1<<20))
	growingOK(t, view.Rollback())
	growingCheck(t, to, 4000)
	growingOK(t, to.Close())
	growingOK(t, db.Close())
}

// TestGrowing_Mlock locks what grows beside a View.
func TestGrowing_Mlock(t *testing.T) {
	var l syscall.Rlimit
	growingOK(t, syscall.Getrlimit(8, &l)) // RLIMIT_MEMLOCK.
	if l.Cur < 64<<20 && syscall.Getuid() != 0 {
		t.Skipf("may lock %d bytes", l.Cur)
	}
	db := growingOpen(t, bolt.Options{Mlock: true})
	view, err := db.Begin(false)
	growingOK(t, err)
	growingPut(t, db, 1000, 8000)
	growingSame(t, view, 1000)
	growingOK(t, view.Rollback())
	growingCheck(t, db, 8000)
	growingOK(t, db.Close())
}

// TestGrowing_NoMapping takes away the addresses: an Update that outgrows the map is an
// error, and the database goes on, with it and after it.
func TestGrowing_NoMapping(t *testing.T) {
	db := growingOpen(t, bolt.Options{})
	db.MmapFlags = syscall.MAP_LOCKED // Is refused whenever it maps.
	err := db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("b")).Put([]byte("z"), make([]byte, 32<<20))
	})
	if err == nil {
		t.Fatal("mapped with flags that are refused")
	}
	growingCheck(t, db, 1000)
	db.MmapFlags = 0
	growingPut(t, db, 1000, 9000)
	growingCheck(t, db, 9000)
	growingOK(t, db.Close())
}
