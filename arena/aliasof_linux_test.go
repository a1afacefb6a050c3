//go:build !portable

package arena_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// foreign maps n bytes as other code in the process does, without this library.
func foreign(t *testing.T, fd int, n, prot, flags int) []byte {
	t.Helper()
	b, err := unix.Mmap(fd, 0, n, prot, flags)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unmap(t *testing.T, b []byte) {
	t.Helper()
	if err := unix.Munmap(b); err != nil {
		t.Error(err)
	}
}

// fileOf returns a file that holds b.
func fileOf(t *testing.T, b []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	return f
}

// patterned returns n bytes that tell where they are.
func patterned(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

const both = unix.PROT_READ | unix.PROT_WRITE

// TestAliasOf: memory that others have mapped is shown a second time, from any byte to any
// other one, writes show on both sides, and the alias stays when the memory is unmapped.
func TestAliasOf(t *testing.T) {
	n := 1<<20 + 8192
	if testing.Short() {
		n = 1<<17 + 8192
	}
	data := patterned(n)
	f := fileOf(t, data)
	fd, err := unix.MemfdCreate("foreign", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, data); err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for name, m := range map[string]struct{ fd, flags int }{
		"file": {int(f.Fd()), unix.MAP_SHARED}, "memory file": {fd, unix.MAP_SHARED}, "no file": {-1, unix.MAP_SHARED | unix.MAP_ANON},
	} {
		for _, r := range [][2]int{{0, n}, {0, 1}, {page, 2 * page}, {100, 200}, {page - 1, page + 1}, {1, n - 1}, {n - 1, n}} {
			for _, readOnly := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d-%d/%t", name, r[0], r[1], readOnly), func(t *testing.T) {
					theirs := foreign(t, m.fd, n, both, m.flags)
					copy(theirs, data)
					from := theirs[r[0]:r[1]]
					l, err := arena.AliasOf(from, arena.AliasOfOptions{ReadOnly: readOnly})
					if err != nil {
						t.Fatal(err)
					}
					b := l.Bytes()
					if !bytes.Equal(b, from) || cap(b) != len(b) || &b[0] == &from[0] {
						t.Fatalf("%d bytes, others than the %d at the source", len(b), len(from))
					}
					from[0] ^= 0xff
					if b[0] != from[0] {
						t.Error("a write to the source does not show")
					}
					err = arena.CatchFault(nil, func() error { b[len(b)-1] ^= 0x55; return nil })
					if (err != nil) != readOnly || b[len(b)-1] != from[len(from)-1] {
						t.Errorf("a write to the alias: %v; %d and %d", err, b[len(b)-1], from[len(from)-1])
					}
					want := bytes.Clone(from)
					unmap(t, theirs)
					if !bytes.Equal(b, want) {
						t.Error("when the source is gone other bytes are shown")
					}
					l.Release()
				})
			}
		}
	}
}

// TestAliasOf_Longer: an alias can be longer than what is mapped, as far as the file
// reaches, and not beyond.
func TestAliasOf_Longer(t *testing.T) {
	data := patterned(5 << 20)
	f := fileOf(t, data)
	theirs := foreign(t, int(f.Fd()), 8192, unix.PROT_READ, unix.MAP_SHARED)
	defer unmap(t, theirs)
	l, err := arena.AliasOf(theirs[5000:6000], arena.AliasOfOptions{Len: 5<<20 - 5000})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(l.Bytes(), data[5000:]) {
		t.Error("it does not show the rest of the file")
	}
	if err := arena.CatchFault(nil, func() error { l.Bytes()[0] = 1; return nil }); err == nil {
		t.Error("an alias of what can only be read can be written to")
	}
	l.Release()
	for _, n := range []int{5<<20 - 5000 + os.Getpagesize(), 1 << 30} {
		if l, err := arena.AliasOf(theirs[5000:6000], arena.AliasOfOptions{Len: n}); err == nil || !strings.Contains(err.Error(), "smaller Len") {
			t.Errorf("%d bytes: %v, %v", n, l, err)
		}
	}
	if _, err := arena.AliasOf(theirs, arena.AliasOfOptions{Len: math.MaxInt}); err == nil {
		t.Error("a length that no address space has")
	}
}

// TestAliasOf_SeveralMappings: what lies in several mappings, of several files, is shown as
// it is; if one of them is private, it is refused.
func TestAliasOf_SeveralMappings(t *testing.T) {
	page := os.Getpagesize()
	data := patterned(16 * page)
	other := fileOf(t, bytes.Repeat([]byte{42}, page))
	for _, kind := range []int{unix.MAP_SHARED, unix.MAP_PRIVATE} {
		theirs := foreign(t, int(fileOf(t, data).Fd()), len(data), both, unix.MAP_SHARED)
		_, err := unix.MmapPtr(int(other.Fd()), 0, unsafe.Pointer(&theirs[2*page]), uintptr(page), unix.PROT_READ, kind|unix.MAP_FIXED)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(theirs)
		l, err := arena.AliasOf(theirs[10:5*page], arena.AliasOfOptions{Len: 12 * page})
		unmap(t, theirs)
		switch {
		case kind == unix.MAP_PRIVATE:
			if !errors.Is(err, unix.EINVAL) {
				t.Errorf("one of them is private: %v", err)
			}
		case err != nil:
			t.Error(err)
		default:
			if !bytes.Equal(l.Bytes(), want[10:10+12*page]) {
				t.Error("others are shown")
			}
			l.Release()
		}
	}
}

// TestAliasOf_Private: private memory, also the Go heap, is refused, with what to do, and
// nothing is left.
func TestAliasOf_Private(t *testing.T) {
	private := foreign(t, -1, 64<<10, both, unix.MAP_PRIVATE|unix.MAP_ANON)
	defer unmap(t, private)
	f := fileOf(t, patterned(64<<10))
	ofFile := foreign(t, int(f.Fd()), 64<<10, both, unix.MAP_PRIVATE)
	defer unmap(t, ofFile)
	for name, b := range map[string][]byte{
		"anonymous": private, "a byte": private[5:6], "of a file": ofFile, "the Go heap": make([]byte, 64<<10), "a small object": make([]byte, 3),
	} {
		l, err := arena.AliasOf(b, arena.AliasOfOptions{})
		if l != nil || !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "private") || !strings.Contains(err.Error(), "MAP_SHARED") {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}

// TestAliasOf_NoProc: without /proc a page is shown, and with Len more; of more than a
// page the error says so.
func TestAliasOf_NoProc(t *testing.T) {
	const inside = "GROWARENA_TEST_NOPROC"
	if os.Getenv(inside) == "" {
		r, err := testutil.ParseRestriction("", "", true)
		if err == nil {
			err = r.Check()
		}
		if err != nil {
			t.Skip(err)
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run", "^TestAliasOf_NoProc$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"="+self)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if _, err := os.Stat("/proc/self/maps"); err == nil {
		r, err := testutil.ParseRestriction("", "", true)
		if err != nil {
			t.Fatal(err)
		}
		t.Fatal(r.Exec(os.Getenv(inside), []string{"-test.run", "^TestAliasOf_NoProc$", "-test.v"}))
	}
	data := patterned(64 << 10)
	theirs := foreign(t, int(fileOf(t, data).Fd()), len(data), both, unix.MAP_SHARED)
	defer unmap(t, theirs)
	if _, err := arena.AliasOf(theirs, arena.AliasOfOptions{}); err == nil || !strings.Contains(err.Error(), "mount /proc") {
		t.Errorf("of many pages: %v", err)
	}
	l, err := arena.AliasOf(theirs[:1], arena.AliasOfOptions{Len: len(data)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(l.Bytes(), data) {
		t.Error("others are shown")
	}
	l.Release()
}

// TestAliasOf_Misuse panics with the values.
func TestAliasOf_Misuse(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		n    int
		says string
	}{
		"nothing": {nil, 0, "AliasOf of 0 bytes"}, "shorter": {make([]byte, 3), 2, "Len is 2"}, "negative": {make([]byte, 3), -1, "Len is -1"},
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.Contains(r, c.says) {
					t.Errorf("%s: panic %s", name, r)
				}
			}()
			_, _ = arena.AliasOf(c.b, arena.AliasOfOptions{Len: c.n})
		}()
	}
}

// Another library has mapped a file and gives us a slice of it. The alias shows the same
// bytes, and stays when the library unmaps its own.
func ExampleAliasOf() {
	theirs, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	message := theirs[100:105]
	copy(message, "hello")

	ours, err := arena.AliasOf(message, arena.AliasOfOptions{ReadOnly: true})
	if err != nil {
		panic(err)
	}
	defer ours.Release()
	message[0] = 'H'
	if err := unix.Munmap(theirs); err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", ours.Bytes())
	// Output: Hello
}
