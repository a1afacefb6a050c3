// Program works with a bbolt database, as a test says: the same program is compiled with
// bbolt as it is and with the copy.
//
//	program schedule FILE WAIT   print whether an Update ends that outgrows the map beside two Views
//	program write FILE           commit until killed, beside a View, printing how many keys there are
//	program write FILE alone     the same without the View, beside which bbolt does not grow
//	program check FILE AT_LEAST  check what write has left
//	program read FILE            print whether it can be opened for reading; if so, read until its input ends
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

func main() {
	var err error
	switch os.Args[1] {
	case "schedule":
		err = schedule(os.Args[2])
	case "write":
		err = write(os.Args[2], len(os.Args) == 3)
	case "check":
		var least uint64
		if least, err = strconv.ParseUint(os.Args[3], 10, 64); err == nil {
			err = check(os.Args[2], least)
		}
	case "read":
		err = read(os.Args[2])
	default:
		err = fmt.Errorf("no such command: %v", os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		os.Exit(1)
	}
}

var bucket = []byte("b")

// value returns what is stored for a key: of changing length, and told by the key.
func value(n uint64) []byte {
	b := make([]byte, 100+n%4000)
	for i := range b {
		b[i] = byte(n + uint64(i)*7)
	}
	return b
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// put commits the keys [from, to).
func put(db *bbolt.DB, from, to uint64) error {
	return db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for n := from; n < to; n++ {
			if err := b.Put(key(n), value(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// same compares everything that a transaction sees with [0, n).
func same(tx *bbolt.Tx, n uint64) error {
	var have uint64
	err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		if string(k) != string(key(have)) || string(v) != string(value(have)) {
			return fmt.Errorf("key %d: %x with %d bytes", have, k, len(v))
		}
		have++
		return nil
	})
	if err == nil && have != n {
		err = fmt.Errorf("%d keys, want %d", have, n)
	}
	return err
}

// schedule is that of nspcc-dev/neo-go#4082: an iterator holds a View, an Update outgrows
// the map, and whoever drives the iterator begins a second View before going on.
func schedule(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	const before, after = 1_000, 20_000 // 2 MB, 40 MB.
	if err := put(db, 0, before); err != nil {
		return err
	}
	iterator, err := db.Begin(false)
	if err != nil {
		return err
	}
	updated := make(chan error, 1)
	go func() {
		for n := uint64(before); n < after; n += 1_000 {
			if err := put(db, n, n+1_000); err != nil {
				updated <- err
				return
			}
		}
		updated <- nil
	}()
	patience, err := time.ParseDuration(os.Args[3])
	if err != nil {
		return err
	}
	select {
	case err = <-updated:
	case <-time.After(patience):
		fmt.Println("blocked")
		return nil // As it will be for ever: the iterator ends after this.
	}
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error { return same(tx, after) })
	if err != nil {
		return fmt.Errorf("the second View: %w", err)
	}
	if err := same(iterator, before); err != nil {
		return fmt.Errorf("the iterator: %w", err)
	}
	if err := iterator.Rollback(); err != nil {
		return err
	}
	fmt.Println("ended")
	return db.Close()
}

// write commits until it is killed.
func write(path string, beside bool) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	var n uint64
	err = db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucket); b != nil {
			if k, _ := b.Cursor().Last(); k != nil {
				n = binary.BigEndian.Uint64(k) + 1
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var view *bbolt.Tx // Is held all the time.
	var held uint64
	if beside {
		if view, err = db.Begin(false); err != nil {
			return err
		}
		held = n
	}
	for {
		if err := put(db, n, n+50); err != nil {
			return err
		}
		n += 50
		fmt.Println(n)
		if held > 0 {
			if err := same(view, held); err != nil {
				return fmt.Errorf("the View that is held: %w", err)
			}
		}
	}
}

// check checks a database of write: everything that was said to be committed is there.
func check(path string, least uint64) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Minute})
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		var n uint64
		if b := tx.Bucket(bucket); b != nil {
			n = uint64(b.Stats().KeyN)
			if err := same(tx, n); err != nil {
				return err
			}
		}
		if n < least || n%50 != 0 {
			return fmt.Errorf("%d keys, want a multiple of 50 and at least %d", n, least)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return db.Close()
}

// read keeps a database open for reading, if nobody has it for writing.
func read(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 200 * time.Millisecond})
	if errors.Is(err, bbolt.ErrTimeout) {
		fmt.Println("locked")
		return nil
	}
	if err != nil {
		return err
	}
	return db.View(func(tx *bbolt.Tx) error {
		n := uint64(tx.Bucket(bucket).Stats().KeyN)
		fmt.Println("open")
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return err
		}
		return same(tx, n)
	})
}
