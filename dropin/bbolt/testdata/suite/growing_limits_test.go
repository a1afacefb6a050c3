package bbolt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// sparse is the length of values that are zeros but for their number, at both ends. Each has a bucket of its own:
// beside others in one page it would be written again with them.
const sparse = 32 << 20

func sparsePut(tx *bolt.Tx, n int, value []byte) error {
	b, err := tx.Bucket([]byte("b")).CreateBucket(growingKey(n))
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(value, uint64(n))
	binary.LittleEndian.PutUint64(value[sparse-8:], uint64(n))
	return b.Put([]byte("v"), value)
}

// sparseSame returns how many values the transaction sees, which have to be 0, 1, 2 and so on.
func sparseSame(tx *bolt.Tx) (n int, err error) {
	b := tx.Bucket([]byte("b"))
	err = b.ForEach(func(k, _ []byte) error {
		v, want := b.Bucket(k).Get([]byte("v")), uint64(n)
		if string(k) != string(growingKey(n)) || len(v) != sparse ||
			binary.LittleEndian.Uint64(v) != want || binary.LittleEndian.Uint64(v[sparse-8:]) != want {
			return fmt.Errorf("value %d: key %x, %d bytes", n, k, len(v))
		}
		n++
		return nil
	})
	return n, err
}

// TestGrowing_4GiB grows to 4 GiB beside 8 readers, each of whose Views stays open until the
// database is half a GiB longer. Nearly all of the file is holes.
func TestGrowing_4GiB(t *testing.T) {
	const (
		last = 4 << 30 / sparse
		stay = 16
	)
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	growingOK(t, err)
	bolt.GrowingSparse(db)
	growingPut(t, db, 0, 0)

	grown := make([]chan struct{}, last+1) // Closed when there are so many values.
	for i := range grown {
		grown[i] = make(chan struct{})
	}
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for next := 2 * r; next < last; {
				<-grown[next]
				err := db.View(func(tx *bolt.Tx) error {
					n, err := sparseSame(tx)
					if err != nil || n < next {
						return fmt.Errorf("%d values, want %d and more: %v", n, next, err)
					}
					next = min(n+stay, last)
					<-grown[next]
					if again, err := sparseSame(tx); err != nil || again != n {
						return fmt.Errorf("%d values, and %d when there were %d: %v", n, again, next, err)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	close(grown[0])
	value := make([]byte, sparse)
	for i := range last {
		growingOK(t, db.Update(func(tx *bolt.Tx) error { return sparsePut(tx, i, value) }))
		close(grown[i+1])
	}
	readers.Wait()
	if info, err := os.Stat(path); err != nil || info.Size() < 4<<30 {
		t.Errorf("the file has %d bytes: %v", info.Size(), err)
	}
	growingOK(t, db.Close())

	db, err = bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	growingOK(t, err)
	growingOK(t, db.View(func(tx *bolt.Tx) error {
		if n, err := sparseSame(tx); err != nil || n != last {
			t.Errorf("opened again: %d values: %v", n, err)
		}
		for err := range tx.Check() {
			return err
		}
		return nil
	}))
	growingOK(t, db.Close())
}

// TestGrowing_DiskFull fills a file system beside a View: an Update for which there is no room is an
// error, what was committed stays, and the database goes on when there is room again.
func TestGrowing_DiskFull(t *testing.T) {
	for name, o := range map[string]bolt.Options{
		"default":        {},
		"NoGrowSync":     {NoGrowSync: true},
		"NoFreelistSync": {NoFreelistSync: true, FreelistType: bolt.FreelistMapType},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mount("bbolt test", dir, "tmpfs", 0, "size=32m"); err != nil {
				t.Skipf("cannot mount a tmpfs: %v", err)
			}
			t.Cleanup(func() { growingOK(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
			ballast := filepath.Join(dir, "ballast")
			growingOK(t, os.WriteFile(ballast, make([]byte, 8<<20), 0o600))
			o.NoSync = true
			path := filepath.Join(dir, "db")
			db, err := bolt.Open(path, 0o600, &o)
			growingOK(t, err)
			n := 1000
			growingPut(t, db, 0, n)
			view, err := db.Begin(false)
			growingOK(t, err)
			for err = nil; err == nil && n < 20_000; {
				if err = growingTry(db, n, n+500); err == nil {
					n += 500
				}
			}
			for range 3 {
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("with %d keys in 24 MiB: %v, want %v", n, err, syscall.ENOSPC)
				}
				growingCheck(t, db, n)
				err = growingTry(db, n, n+500)
			}
			growingSame(t, view, 1000)
			growingOK(t, os.Remove(ballast))
			growingPut(t, db, n, n+500)
			growingSame(t, view, 1000)
			growingOK(t, view.Rollback())
			growingCheck(t, db, n+500)
			growingOK(t, db.Close())

			db, err = bolt.Open(path, 0o600, nil)
			growingOK(t, err)
			growingCheck(t, db, n+500)
			growingOK(t, db.Close())
		})
	}
}

// TestGrowing_InitialMmapSize: what is mapped in advance stays where it is, until it is too short.
func TestGrowing_InitialMmapSize(t *testing.T) {
	db := growingOpen(t, bolt.Options{InitialMmapSize: 32 << 20})
	view, err := db.Begin(false)
	growingOK(t, err)
	at := db.Info().Data
	growingPut(t, db, 1000, 5000)
	if now := db.Info().Data; now != at {
		t.Errorf("20 MB of 32 MiB are mapped at %#x, before at %#x", now, at)
	}
	growingPut(t, db, 5000, 12_000)
	if now := db.Info().Data; now == at {
		t.Errorf("40 MB are still mapped at %#x", now)
	}
	growingSame(t, view, 1000)
	growingOK(t, view.Rollback())
	growingCheck(t, db, 12_000)
	growingOK(t, db.Close())
}

// TestGrowing_NoRoom has no addresses for a longer mapping: an Update that needs it is an error, and all
// else goes on, beside the View that was open and after it.
func TestGrowing_NoRoom(t *testing.T) {
	defer bolt.GrowingLimit(16 << 20)()
	db := growingOpen(t, bolt.Options{})
	view, err := db.Begin(false)
	growingOK(t, err)
	growingPut(t, db, 1000, 2000) // 8 MB.
	for range 3 {
		if err := growingTry(db, 2000, 8000); err == nil || !strings.Contains(err.Error(), "the limit is 16777216 bytes") {
			t.Fatalf("32 MB in 16 MiB of addresses: %v", err)
		}
		growingCheck(t, db, 2000)
		growingPut(t, db, 0, 100) // The same again.
	}
	growingSame(t, view, 1000)
	growingOK(t, view.Rollback())
	growingCheck(t, db, 2000)
	growingOK(t, db.Close())
}

// TestGrowing_Backup writes out what a View sees when the database has outgrown its mapping.
func TestGrowing_Backup(t *testing.T) {
	db := growingOpen(t, bolt.Options{})
	view, err := db.Begin(false)
	growingOK(t, err)
	growingPut(t, db, 1000, 8000)
	path := filepath.Join(t.TempDir(), "copy")
	growingOK(t, view.CopyFile(path, 0o600))
	growingOK(t, view.Rollback())
	growingOK(t, db.Close())
	db, err = bolt.Open(path, 0o600, nil)
	growingOK(t, err)
	growingCheck(t, db, 1000)
	growingPut(t, db, 1000, 2000)
	growingOK(t, db.Close())
}
