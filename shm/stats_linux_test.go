//go:build !portable && linux && !exploreshm

package shm_test

import (
	"errors"
	"os"
	"testing"

	"github.com/growarena/growarena/shm"
)

// TestStats: a writer says what it has published, while it does so, and does not fault where
// somebody has cut its control file.
func TestStats(t *testing.T) {
	dir := t.TempDir()
	w, err := shm.Create(shm.Options{Dir: dir, Name: "stats"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for range 1000 {
			if _, err := w.Write([]byte("0123456789")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for last, ended := 0, false; !ended; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			ended = true
		default:
		}
		s, err := w.Stats()
		if err != nil || s.Published < last || s.Published%10 != 0 || s.Generation != 1 || s.Dir != dir || s.Sealed || s.Arena.Len < s.Published {
			t.Fatalf("%+v, %v, after %d", s, err, last)
		}
		if last = s.Published; ended && last != 10000 {
			t.Errorf("%d bytes are published of 10000", last)
		}
	}
	defer w.Abort()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if err := os.Truncate(dir+"/"+n.Name(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := w.Stats(); !errors.Is(err, shm.ErrCorrupt) {
		t.Errorf("of files that were cut: %+v, %v", s, err)
	}
}
