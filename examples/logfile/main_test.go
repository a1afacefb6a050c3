package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestLogFile: each line is there once and whole, those of a writer in order, for who follows
// from the beginning, for who opens the file later, and in the file itself.
func TestLogFile(t *testing.T) {
	const n = 40_000
	path := filepath.Join(t.TempDir(), "log")
	l, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(r io.Reader) error {
		next := [writers]int{}
		lines := bufio.NewScanner(r)
		for range n {
			var w, i int
			if !lines.Scan() {
				return fmt.Errorf("it ends after %d: %v", next, lines.Err())
			}
			if _, err := fmt.Sscanf(lines.Text(), "%d %d ", &w, &i); err != nil || i != next[w] || len(lines.Text()) != 100+10*w {
				return fmt.Errorf("after %d comes %q", next, lines.Text())
			}
			next[w]++
		}
		return nil
	}
	var g sync.WaitGroup
	for w := range writers {
		g.Go(func() {
			for i := range n / writers {
				if err := l.append(fmt.Appendf(nil, "%-*s\n", 100+10*w, fmt.Sprint(w, i, " x"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		g.Go(func() {
			if err := check(&follower{l: l}); err != nil {
				t.Error("who follows:", err)
			}
		})
	}
	g.Wait()
	if err := errors.Join(l.end(), l.close()); err != nil {
		t.Fatal(err)
	}
	// A crash leaves a line unfinished.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("0 99 no newl"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if l, err = open(path); err != nil {
		t.Fatal(err)
	}
	if err := l.append([]byte("the last\n")); err != nil {
		t.Fatal(err)
	}
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
	f := &follower{l: l}
	if err := check(io.LimitReader(f, l.base)); err != nil {
		t.Error("opened again:", err)
	}
	if rest, err := io.ReadAll(&follower{l, l.base}); string(rest) != "the last\n" || err != nil {
		t.Errorf("behind is %q, %v", rest, err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if file, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := check(file); err != nil {
		t.Error("the file:", err)
	}
}

// TestFollower_Dropped: who is slow gets from the file what the stream has dropped.
func TestFollower_Dropped(t *testing.T) {
	l, err := open(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	line := append(make([]byte, 1<<16-1), '\n')
	const n = 2 * limit / (1 << 16)
	for range n {
		if err := l.append(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
	if l.s.Front() == 0 {
		t.Error("nothing was dropped")
	}
	if got, err := io.Copy(io.Discard, &follower{l: l}); got != n<<16 || err != nil {
		t.Errorf("%d bytes, %v, want %d", got, err, n<<16)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	if err := run(io.Discard, t.TempDir(), 4000); err != nil {
		t.Error(err)
	}
}
