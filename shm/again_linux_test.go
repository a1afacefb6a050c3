//go:build !portable && !exploreshm

package shm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// held returns how many mappings and descriptors this process has.
func held() (mappings, descriptors int, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, 0, err
	}
	fds, err := os.ReadDir("/proc/self/fd")
	return bytes.Count(maps, []byte("\n")), len(fds) - 1, err // One reads the directory.
}

// ofBuffer counts the descriptors and mappings of a directory's files that this process has.
func ofBuffer(t *testing.T, dir string) (descriptors, mappings int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	for _, e := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, dir+"/") {
			descriptors++
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return descriptors, bytes.Count(maps, []byte(dir+"/"))
}

// needsDuplicate skips the test where a mapping without a descriptor cannot become longer.
func needsDuplicate(t *testing.T) {
	t.Helper()
	if err := memfile.NoDuplicate(); err != nil {
		t.Skip(err)
	}
}

// TestNoDescriptor follows a buffer without keeping anything but the data's mapping.
func TestNoDescriptor(t *testing.T) {
	for kind, dir := range map[string]func(*testing.T) string{"tmpfs": tmpfsDir, "disk": diskDir} {
		t.Run(kind, func(t *testing.T) { noDescriptor(t, dir(t)) })
	}
}

func noDescriptor(t *testing.T, dir string) {
	needsDuplicate(t)
	w := create(t, Options{Dir: dir, Name: "x", Droppable: true, Arena: arena.Options{Reserve: 2 << 20}})
	write(t, w, 10)
	descriptors, mappings := ofBuffer(t, dir)
	f, err := Open(dir, "x", FollowOptions{NoDescriptor: true, Reserve: 2 << 20, Retire: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	alone := func(when string) {
		t.Helper()
		if d, m := ofBuffer(t, dir); d != descriptors || m != mappings+1 {
			t.Errorf("%s it has %d descriptors and %d mappings, want none and one", when, d-descriptors, m-mappings)
		}
	}
	alone("at first")
	read := func(want int) {
		t.Helper()
		g, err := f.Pin()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Unpin()
		if g.Len() != want || wrongAt(g.Bytes(), g.Front()) >= 0 {
			t.Errorf("%d bytes, wrong at %d, want %d", g.Len(), wrongAt(g.Bytes(), g.Front()), want)
		}
		if err := g.Check(g.Front()); err != nil {
			t.Error(err)
		}
	}
	read(10)
	write(t, w, 100)
	read(110)
	alone("after Pin")

	// While somebody waits it is woken, as any other.
	done := make(chan error)
	go func() { done <- f.Wait(soon(t), 120) }()
	asleep(f, 1)
	write(t, w, 10)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for { // The goroutine ends by itself.
		f.waiters.mu.Lock()
		over := !f.waiters.running
		f.waiters.mu.Unlock()
		if over {
			break
		}
		f.wakeOthers()
	}
	alone("after Wait")

	// The window is outgrown.
	write(t, w, 5<<20)
	if err := w.DropFront(1 << 20); err != nil {
		t.Fatal(err)
	}
	read(120 + 5<<20)
	g, err := f.Pin()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.DropFront(2 << 20); err != nil {
		t.Fatal(err)
	}
	if err := g.Check(1 << 20); !errors.Is(err, ErrDropped) {
		t.Errorf("Check of what is dropped: %v", err)
	}
	if alive, err := f.Alive(); !alive || err != nil {
		t.Errorf("Alive: %t, %v", alive, err)
	}

	// The next writer is followed, and another buffer of the name is not.
	abandon(t, w)
	if err := f.Wait(soon(t), 9<<20); !errors.Is(err, ErrWriterGone) {
		t.Errorf("after the death of the writer: %v", err)
	}
	if w, err = TakeOver(Options{Dir: dir, Name: "x"}); err != nil {
		t.Fatal(err)
	}
	write(t, w, 10)
	read(130 + 5<<20)
	if err := errors.Join(w.Remove(), w.Close()); err != nil {
		t.Fatal(err)
	}
	gone := func(what string) {
		t.Helper()
		_, polled := f.Poll()
		_, pinned := f.Pin()
		_, alive := f.Alive()
		for call, err := range map[string]error{
			"Poll": polled, "Pin": pinned, "Alive": alive, "Wait": f.Wait(soon(t), 9<<20), "Check": g.Check(2 << 20),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s: %v", what, call, err)
			}
		}
	}
	gone("without the name")
	create(t, Options{Dir: dir, Name: "x", Droppable: true})
	gone("with another buffer of the name")
	if b := g.Bytes()[1<<20:]; wrongAt(b, 2<<20) >= 0 {
		t.Errorf("a guard from before is wrong at %d", wrongAt(b, 2<<20))
	}
	g.Unpin()
}

// TestNoDescriptor_Busy: where the control page changes between any two looks it is mapped.
func TestNoDescriptor_Busy(t *testing.T) {
	needsDuplicate(t)
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	write(t, w, 1)
	descriptors, mappings := ofBuffer(t, dir)
	f, err := Open(dir, "x", FollowOptions{NoDescriptor: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := w.Arena().Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, pattern(1, 101))
	mapped := false
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		switch c {
		case sys.CallPread:
			w.Publish(w.Published() + 1)
		case sys.CallMmap:
			mapped = true
		}
		return 0
	})
	defer restore()
	for range 10 {
		n, err := f.Poll()
		if n != w.Published() || err != nil {
			t.Fatalf("%d, %v, want %d", n, err, w.Published())
		}
	}
	restore()
	if !mapped {
		t.Error("the page was not mapped")
	}
	if d, m := ofBuffer(t, dir); d != descriptors || m != mappings+1 {
		t.Errorf("it has %d descriptors and %d mappings, want none and one", d-descriptors, m-mappings)
	}
}

// TestNoDescriptor_Files: what has no name is refused.
func TestNoDescriptor_Files(t *testing.T) {
	w := create(t, Options{})
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_, _ = Follow(files, FollowOptions{NoDescriptor: true})
}

// buffers is how many TestNoDescriptor_Many follows, with at most these mappings and descriptors.
const (
	buffers         = 10_000
	mappingsMost    = 10_100
	descriptorsMost = 100
)

func init() {
	// many follows all buffers of a directory at once, and reads what is in them: each has its number.
	// It says what it holds then. When it is told how many have grown it reads them again, and as
	// many others.
	roles["many"] = func() int {
		dir := os.Getenv(dirEnv)
		var all []*Follower
		for i := range buffers {
			f, err := Open(dir, strconv.Itoa(i), FollowOptions{NoDescriptor: true})
			if err != nil {
				return fail("%v", err)
			}
			all = append(all, f) // They end with the process.
		}
		look := func(n, longer int) error {
			for i, f := range all[:n] {
				if err := f.Read(func(b []byte) error {
					want := strconv.Itoa(i)
					if i < longer {
						want += " and more"
					}
					if string(b) != want {
						return fmt.Errorf("buffer %d has %q, want %q", i, b, want)
					}
					return nil
				}); err != nil {
					return err
				}
			}
			mappings, descriptors, err := held()
			fmt.Println(mappings, descriptors)
			return err
		}
		if err := look(buffers, 0); err != nil {
			return fail("%v", err)
		}
		var longer int
		if _, err := fmt.Scan(&longer); err != nil {
			return fail("%v", err)
		}
		if err := look(2*longer, longer); err != nil {
			return fail("%v", err)
		}
		return 0
	}
}

// TestNoDescriptor_Many: a process follows ten thousand named buffers as they grow, in little more
// than a mapping for each, and hardly any descriptors.
func TestNoDescriptor_Many(t *testing.T) {
	needsDuplicate(t)
	t.Parallel()
	if testing.Short() || testutil.Race {
		t.Skip("makes 30,000 files; the race detector would see nothing new")
	}
	dir := tmpfsDir(t)
	var wg sync.WaitGroup
	for half := range 2 {
		wg.Go(func() {
			for i := half; i < buffers; i += 2 {
				w, err := Create(Options{Dir: dir, Name: strconv.Itoa(i), Arena: arena.Options{Reserve: 2 << 20, Headroom: -1}})
				if err == nil {
					_, err = w.Write([]byte(strconv.Itoa(i)))
					err = errors.Join(err, w.Close())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	c := command(t, "many", nil, dirEnv+"="+dir)
	c.Stdout = nil
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	counts := func() {
		t.Helper()
		var mappings, descriptors int
		if _, err := fmt.Fscan(out, &mappings, &descriptors); err != nil {
			t.Fatalf("%v: %s", err, c.out.String())
		}
		t.Logf("%d buffers: %d mappings, %d descriptors", buffers, mappings, descriptors)
		if mappings > mappingsMost || descriptors > descriptorsMost {
			t.Errorf("%d mappings and %d descriptors, want at most %d and %d", mappings, descriptors, mappingsMost, descriptorsMost)
		}
	}
	counts()
	const longer = 500
	for i := range longer {
		w, err := TakeOver(Options{Dir: dir, Name: strconv.Itoa(i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(" and more")); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	fmt.Fprintln(in, longer)
	counts()
	_, _ = io.Copy(io.Discard, out)
	if code := c.code(t); code != 0 {
		t.Errorf("exit code %d: %s", code, c.out.String())
	}
	if all, err := filepath.Glob(dir + "/*"); len(all) != 3*buffers || err != nil {
		t.Errorf("%d files, %v", len(all), err)
	}
}
