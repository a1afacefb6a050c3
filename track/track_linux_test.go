//go:build !portable

package track_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/track"
)

var page = os.Getpagesize()

// mmap maps n bytes of private memory, to be unmapped when the test ends.
func mmap(t *testing.T, n, prot int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, n, prot, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	return b
}

// hole returns a page where nothing is mapped: far below where the kernel puts what anybody maps
// meanwhile.
func hole(t *testing.T) []byte {
	t.Helper()
	for want := uintptr(0x2000_0000); want < 0x4000_0000; want += 0x100_0000 {
		at, err := sys.Reserve(want, uintptr(page))
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			err = sys.Unmap(at, uintptr(page))
		}
		if err != nil {
			t.Fatal(err)
		}
		return bytesAt(at, page)
	}
	t.Fatal("there is no place for a hole")
	return nil
}

func newTracker(t *testing.T, ranges ...[]byte) *track.Tracker {
	t.Helper()
	tr, err := track.New(ranges...)
	if errors.Is(err, track.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// dirty returns what was written.
func dirty(t *testing.T, tr *track.Tracker) (runs []track.Run) {
	t.Helper()
	for r, err := range tr.Dirty() {
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	return runs
}

func TestTracker(t *testing.T) {
	a, b := mmap(t, 64*page, 3), mmap(t, 8*page, 3)
	tr := newTracker(t, a, b)
	defer tr.Close()
	if got, want := dirty(t, tr), []track.Run{{0, 0, len(a)}, {1, 0, len(b)}}; !slices.Equal(got, want) {
		t.Errorf("at first %v count as written, want %v", got, want)
	}
	if got := dirty(t, tr); len(got) > 0 {
		t.Errorf("%v were found, nothing was written", got)
	}
	a[5*page], a[6*page], a[20*page+1], b[7*page] = 1, 1, 1, 1
	if got, want := dirty(t, tr), []track.Run{{0, 5 * page, 2 * page}, {0, 20 * page, page}, {1, 7 * page, page}}; !slices.Equal(got, want) {
		t.Errorf("%v were found, want %v", got, want)
	}
}

// TestTracker_Stats: what would be found is told, and found then, also by who looks at the same time.
func TestTracker_Stats(t *testing.T) {
	a, b := mmap(t, 64*page, 3), mmap(t, 8*page, 3)
	tr := newTracker(t, a, b)
	dirty(t, tr)
	a[5*page], a[20*page], b[7*page] = 1, 1, 1
	want := track.Stats{Ranges: 2, Bytes: 72 * page, Written: 3 * page, Reports: 1, Reported: 72 * page}
	for range 2 {
		if got := tr.Stats(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			if got := tr.Stats(); got.Written > 3*page {
				t.Errorf("%+v", got)
			}
		}
	}()
	found := 0
	for _, r := range dirty(t, tr) {
		found += r.Len
	}
	<-done
	if found != 3*page {
		t.Errorf("%d bytes were found, want %d", found, 3*page)
	}
	want.Written, want.Reports, want.Reported = 0, 2, 75*page
	if got := tr.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	tr.Close()
	if got := tr.Stats(); got.Ranges != 0 || got.Written != 0 || got.Reports != 2 {
		t.Errorf("after Close: %+v", got)
	}
}

// TestTracker_Stop: who stops early gets the rest later.
func TestTracker_Stop(t *testing.T) {
	a, b := mmap(t, 64*page, 3), mmap(t, 64*page, 3)
	tr := newTracker(t, a, b)
	defer tr.Close()
	dirty(t, tr)
	var want []track.Run
	for i := 0; i < 64; i += 2 {
		a[i*page], b[i*page] = 1, 1
	}
	for n := range 2 {
		for i := 0; i < 64; i += 2 {
			want = append(want, track.Run{Range: n, Off: i * page, Len: page})
		}
	}
	var got []track.Run
	for range 10 {
		for r, err := range tr.Dirty() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
			break
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range tr.Dirty() {
			panic("in the middle: this one was not dealt with")
		}
	}()
	if got = append(got, dirty(t, tr)...); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTracker_Failure: a scan that fails loses nothing: the next one tells all.
func TestTracker_Failure(t *testing.T) {
	a := mmap(t, 8*page, 3)
	tr := newTracker(t, a)
	defer tr.Close()
	dirty(t, tr)
	a[0] = 1
	restore := testutil.FailNth(sys.CallPagemapScan, 1, syscall.ENOMEM)
	var err error
	for _, err = range tr.Dirty() {
	}
	restore()
	if !errors.Is(err, syscall.ENOMEM) {
		t.Fatalf("the error is %v", err)
	}
	runs := dirty(t, tr)
	if !slices.Contains(runs, track.Run{Len: len(a)}) {
		t.Errorf("after an error %v was found, want all", runs)
	}
	if got := dirty(t, tr); len(got) > 0 {
		t.Errorf("%v was found again", got)
	}
}

// TestTracker_Gone: memory that was unmapped, or mapped anew, is an error.
func TestTracker_Gone(t *testing.T) {
	for name, f := range map[string]func(b []byte) error{
		"unmapped":    func(b []byte) error { return sys.Unmap(addr(b), uintptr(len(b))) },
		"mapped anew": func(b []byte) error { return sys.Cover(addr(b), uintptr(len(b))) },
	} {
		t.Run(name, func(t *testing.T) {
			at, err := sys.Reserve(0, uintptr(8*page))
			if err != nil {
				t.Fatal(err)
			}
			defer sys.Unmap(at, uintptr(8*page))
			if err := sys.Protect(at, uintptr(8*page), sys.ProtRead|sys.ProtWrite); err != nil {
				t.Fatal(err)
			}
			b := bytesAt(at, 8*page)
			tr := newTracker(t, b)
			defer tr.Close()
			dirty(t, tr)
			if err := f(b[2*page : 4*page]); err != nil {
				t.Fatal(err)
			}
			for _, err = range tr.Dirty() {
			}
			if !errors.Is(err, track.ErrGone) {
				t.Errorf("the error is %v, want ErrGone", err)
			}
		})
	}
}

var global [1 << 16]byte

// TestNew_Errors: what is wrong with a range is told, and nothing is left behind.
func TestNew_Errors(t *testing.T) {
	newTracker(t, mmap(t, page, 3)).Close() // Skips where there is none.
	b := mmap(t, 8*page, 3)
	readOnly := mmap(t, 2*page, unix.PROT_READ)
	heap := make([]byte, 3*page)
	heap = heap[page-int(addr(heap))%page:][:page]
	at := int(addr(global[:])) % page
	variable := global[(page-at)%page:][:page]
	gone := hole(t)
	first := newTracker(t, b[6*page:])
	for name, tt := range map[string]struct {
		ranges [][]byte
		want   string
	}{
		"empty":        {[][]byte{b[:0]}, "it is empty"},
		"start":        {[][]byte{b[1:page]}, "not of whole pages"},
		"end":          {[][]byte{b[:page+1]}, "not of whole pages"},
		"overlap":      {[][]byte{b[2*page : 4*page], b[:page], b[3*page : 5*page]}, "overlap"},
		"twice":        {[][]byte{b[:page], b[:page]}, "overlap"},
		"Go heap":      {[][]byte{heap}, "Go memory"},
		"variable":     {[][]byte{variable}, "Go memory"},
		"read-only":    {[][]byte{b[:page], readOnly}, "range 1, " + "8192 bytes"},
		"not mapped":   {[][]byte{gone}, "nothing is mapped"},
		"tracked":      {[][]byte{b}, "another userfaultfd"},
		"tracked, too": {[][]byte{b[:page], b[6*page:]}, "range 1"},
	} {
		tr, err := track.New(tt.ranges...)
		if err == nil {
			tr.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) && page == 4096 {
			t.Errorf("%s: %v, want one with %q", name, err, tt.want)
		}
	}
	first.Close()
	newTracker(t, b).Close() // Whatever failed has given back what it had.
	runtime.KeepAlive(heap)
}

// TestNew_Faults: each system call of New may fail, and nothing is left behind.
func TestNew_Faults(t *testing.T) {
	b, c := mmap(t, page, 3), mmap(t, page, 3)
	newTracker(t, b, c).Close()
	calls := testutil.Tap(func() { newTracker(t, b, c).Close() }, func(int, sys.Call) syscall.Errno { return 0 })
	for n, call := range calls {
		for _, errno := range testutil.Errnos(call) {
			var tr *track.Tracker
			var err error
			testutil.Tap(func() { tr, err = track.New(b, c) }, func(made int, _ sys.Call) syscall.Errno {
				if made == n {
					return errno
				}
				return 0
			})
			if err == nil {
				tr.Close()
				t.Errorf("call %d, %v: %v was not told", n, call, errno)
			}
			unsupported := call == sys.CallUserfaultfd && errno != syscall.EMFILE || call == sys.CallUffdAPI || call == sys.CallOpen && errno != syscall.EMFILE
			if errors.Is(err, track.ErrUnsupported) != unsupported || unsupported && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("call %d, %v: the error of %v is %v", n, call, errno, err)
			}
		}
	}
	tr := newTracker(t, b, c)
	dirty(t, tr)
	tr.Close()
}

// TestTracker_Misuse: the documented panics.
func TestTracker_Misuse(t *testing.T) {
	tr := newTracker(t, mmap(t, page, 3))
	tr.Close()
	for name, f := range map[string]func(){
		"Close": tr.Close,
		"Dirty": func() {
			for range tr.Dirty() {
			}
		},
		"New": func() { _, _ = track.New() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}()
	}
}

// TestTracker_Differential: what is copied because it was reported is what there is.
func TestTracker_Differential(t *testing.T) {
	fd, err := sys.Memfd("track test", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	if err := sys.Truncate(fd, 1<<20); err != nil {
		t.Fatal(err)
	}
	shared, err := unix.Mmap(fd, 0, 1<<20, 3, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(shared)
	ranges := [][]byte{mmap(t, 1<<20, 3), shared}
	tr := newTracker(t, ranges...)
	defer tr.Close()
	mirror := [][]byte{bytes.Repeat([]byte{9}, 1<<20), bytes.Repeat([]byte{9}, 1<<20)}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 100 {
		for range r.IntN(20) {
			b := ranges[r.IntN(2)]
			b[r.IntN(len(b))]++
		}
		for _, run := range dirty(t, tr) {
			copy(mirror[run.Range][run.Off:run.Off+run.Len], ranges[run.Range][run.Off:])
		}
		if !bytes.Equal(mirror[0], ranges[0]) || !bytes.Equal(mirror[1], ranges[1]) {
			t.Fatalf("seed %d: a change was not reported", seed)
		}
	}
}

// TestUnprivileged runs the tests above as nobody, and in a user namespace.
func TestUnprivileged(t *testing.T) {
	if os.Getenv("GROWARENA_TRACK_AS") != "" {
		return
	}
	if os.Getuid() != 0 {
		t.Skip("it needs root to be nobody")
	}
	newTracker(t, mmap(t, page, 3)).Close()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "track") // Which nobody can reach.
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(dir+"/test", self, 0o755)); err != nil {
		t.Fatal(err)
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}}
	for name, attr := range map[string]*syscall.SysProcAttr{
		"nobody":         {Credential: nobody},
		"user namespace": {Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, Credential: &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(dir+"/test", "-test.run", "^TestTracker", "-test.v", "-test.short")
			cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, append(os.Environ(), "GROWARENA_TRACK_AS="+name), attr
			out, err := cmd.CombinedOutput()
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
				t.Skip(err) // No user namespaces here.
			}
			if err != nil || !strings.Contains(string(out), "--- PASS: TestTracker_Differential") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestNew_HugeTLB: memory of which the kernel does not tell all is refused, also where it is a part of a range only.
func TestNew_HugeTLB(t *testing.T) {
	newTracker(t, mmap(t, page, 3)).Close()
	const huge = 2 << 20
	b := mmap(t, 4*huge, 3)
	b = b[(huge-int(addr(b))%huge)%huge:][:2*huge]
	// Not reserved, so it needs no page of the pool, and is never touched.
	if _, _, errno := unix.Syscall6(unix.SYS_MMAP, addr(b[huge:]), huge, 3, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_FIXED|unix.MAP_HUGETLB|unix.MAP_NORESERVE, ^uintptr(0), 0); errno != 0 {
		t.Skip("no memory of the hugetlb pool: ", errno)
	}
	for name, r := range map[string][]byte{"all": b[huge:], "its second half": b} {
		tr, err := track.New(r)
		if err == nil {
			tr.Close()
		}
		if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, track.ErrUnsupported) || !strings.Contains(err.Error(), "hugetlb pool") {
			t.Errorf("%s: %v", name, err)
		}
	}
	newTracker(t, b[:huge]).Close() // Nothing was left behind.
}
