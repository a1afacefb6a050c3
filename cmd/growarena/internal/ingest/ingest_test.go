package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m, func() { _ = addrspace.Default().Trim() })
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("arenas need Linux")
	}
}

// oddTree writes a tree of some 5 MB, with files that do not end in a newline,
// lines far longer than a block, and bytes that are no text, and returns it with
// what the stream must be.
func oddTree(t *testing.T) (dir string, stream []byte) {
	rng := newRand(t)
	files := map[string]string{
		"00 first line of many files": "func ",
		"01 its middle":               "that returns",
		"02 its end":                  " an error\nfunc no more\n",
		"10 empty":                    "",
		"11 long":                     strings.Repeat("x", 5*BlockSize) + "func" + strings.Repeat("y", BlockSize) + "error",
		"12 goes on":                  "\n\n\nfunc error",
		"99 last":                     "\nfunc that ends in no newline but an error",
	}
	for i := range 20 {
		files[fmt.Sprintf("5%02d random", i)] = string(randomText(rng, rng.IntN(500_000)))
	}
	dir = writeTree(t, files)
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		stream = append(stream, files[e.Name()]...)
	}
	return dir, stream
}

func TestRun_OnEachRung(t *testing.T) {
	needLinux(t)
	dir, stream := oddTree(t)
	re := regexp.MustCompile("func .*error")
	sum := sha256.Sum256(stream)
	count := naive(re, stream)
	for name, test := range map[string]struct {
		rungs   arena.Rungs
		window  int
		climbed func(g Growth) int
	}{
		"any rung":  {0, 2 << 20, func(g Growth) int { return g.Extended + g.Rehomed + g.Aliased }},
		"in-window": {arena.RungInWindow, 64 << 20, func(g Growth) int { return g.InWindow }},
		"extend":    {arena.RungInWindow | arena.RungExtend, 2 << 20, func(g Growth) int { return g.Extended }},
		"rehome":    {arena.RungInWindow | arena.RungRehome, 2 << 20, func(g Growth) int { return g.Rehomed }},
		"alias":     {arena.RungInWindow | arena.RungAlias, 2 << 20, func(g Growth) int { return g.Aliased }},
	} {
		t.Run(name, func(t *testing.T) {
			if test.rungs&arena.RungRehome != 0 {
				needRehome(t)
			}
			read, checked := 0, 0
			r, err := Run(context.Background(), Options{
				Paths: []string{dir}, Readers: 3, Pattern: re, Window: test.window, Rungs: test.rungs,
				Read:    func(n int) { read += n },
				Checked: func(n, of int) { checked += n },
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Bytes != len(stream) || r.SHA256 != hex.EncodeToString(sum[:]) || r.Files != 27 {
				t.Errorf("%d bytes of %d files, SHA-256 %s, want %d of 27, %x", r.Bytes, r.Files, r.SHA256, len(stream), sum)
			}
			if r.Lines != count.lines || r.Matches != count.matches {
				t.Errorf("%d lines, %d matches, want %+v", r.Lines, r.Matches, count)
			}
			if test.climbed(r.Growth) == 0 {
				t.Errorf("the rung was not climbed: %+v", r.Growth)
			}
			if w := r.Windows; w.Pending != 0 || w.Reclaimed != w.Retired || w.Retired != r.Growth.Rehomed+r.Growth.Aliased {
				t.Errorf("windows %+v after growth %+v", w, r.Growth)
			}
			if r.Readers.Reads < r.Bytes/BlockSize || r.Readers.P50 > r.Readers.P999 || r.Readers.P999 > r.Readers.Max || r.Readers.P50 == 0 {
				t.Errorf("readers %+v", r.Readers)
			}
			if !r.Checked || r.PeakRSS < r.Bytes || read != r.Bytes || checked != r.Bytes {
				t.Errorf("checked %v, peak RSS %d, told of %d read and %d checked, of %d bytes", r.Checked, r.PeakRSS, read, checked, r.Bytes)
			}
		})
	}
}

// needRehome skips where the kernel cannot move page tables.
func needRehome(t *testing.T) {
	t.Helper()
	for _, f := range arena.Features() {
		if f.Name == "move page tables" && f.Err != nil {
			t.Skip(f.Err)
		}
	}
}

// TestRun_SlowStream has the readers catch up with the stream all the time, so
// that they look at what they have scanned again.
func TestRun_SlowStream(t *testing.T) {
	needLinux(t)
	text := bytes.Repeat([]byte("a line, and another\none\n"), 40_000)
	pipe, w := io.Pipe()
	go func() {
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(50_000))
			w.Write(rest[:n])
			rest = rest[n:]
			runtime.Gosched()
		}
		w.Close()
	}()
	r, err := Run(context.Background(), Options{Paths: []string{Stdin}, Stdin: pipe, Readers: 2, Pattern: regexp.MustCompile("^one$"), Window: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Lines != 80_000 || r.Matches != 40_000 {
		t.Errorf("%d lines, %d matches, want 80000, 40000", r.Lines, r.Matches)
	}
}

func TestRun_Nothing(t *testing.T) {
	needLinux(t)
	r, err := Run(context.Background(), Options{Paths: []string{t.TempDir()}, Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	if r.Bytes != 0 || r.Lines != 0 || r.SHA256 != hex.EncodeToString(empty[:]) {
		t.Errorf("got %+v", r)
	}
}

// TestRun_CheckFinds changes a single byte of the arena before the check.
func TestRun_CheckFinds(t *testing.T) {
	needLinux(t)
	dir := writeTree(t, map[string]string{"a": "one\ntwo\nthree\n"})
	for name, test := range map[string]struct {
		tamper func(b []byte)
		want   []string
	}{
		"another letter":            {func(b []byte) { b[0] = 'O' }, []string{"SHA-256"}},
		"another letter that shows": {func(b []byte) { b[4] = 'x' }, []string{"SHA-256", "0 matching lines, the readers found 1"}},
		"a line more":               {func(b []byte) { b[9] = '\n' }, []string{"SHA-256", "4 lines, the readers found 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Run(context.Background(), Options{Paths: []string{dir}, Readers: 1, Pattern: regexp.MustCompile("^t.o"), Tamper: test.tamper})
			if !errors.Is(err, ErrCheck) || r == nil || r.Checked {
				t.Fatalf("got %+v, %v, want a result and ErrCheck", r, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestRun_Cancelled(t *testing.T) {
	needLinux(t)
	ctx, cancel := context.WithCancel(context.Background())
	dir := writeTree(t, map[string]string{"a": "one\n", "b": "two\n"})
	read := 0
	r, err := Run(ctx, Options{Paths: []string{dir}, Readers: 2, Read: func(n int) {
		if read += n; read == 4 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || r == nil || r.Checked || r.Bytes > 8 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestRun_CannotGrow lets the arena fill its only window.
func TestRun_CannotGrow(t *testing.T) {
	needLinux(t)
	name := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(name, make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Run(context.Background(), Options{Paths: []string{name}, Readers: 2, Window: 2 << 20, Rungs: arena.RungInWindow})
	if !errors.Is(err, arena.ErrFull) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

// TestReader_RereadFindsChange has a block change after it was counted.
func TestReader_RereadFindsChange(t *testing.T) {
	needLinux(t)
	a, err := arena.NewArena(arena.Options{Retire: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	b, err := a.Alloc(8)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, "one\ntwo\n")
	r := newReader(a, newFrontier(), newMatcher(nil), nil)
	r.frontier.advance(8, true)
	r.done = []scanned{{block: 0, lines: 2}}
	if err := r.reread(); err != nil {
		t.Fatal(err)
	}
	b[3] = ' '
	if err := r.reread(); err == nil || !strings.Contains(err.Error(), "had 2 lines") {
		t.Errorf("got %v", err)
	}
	r.frontier.advance(9, true)
	if err := r.reread(); err == nil || !strings.Contains(err.Error(), "shows 8 bytes when 9") {
		t.Errorf("got %v", err)
	}
}
