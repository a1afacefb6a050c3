//go:build !portable

package memfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const mib = 1 << 20

// kinds are the files that growing has a way of its own for.
var kinds = map[string]kind{
	"memfd":            {},
	"disk":             {make: tempFile},
	"their memfd":      {make: func(t *testing.T) *os.File { return memfd(t, 0) }},
	"their sealed":     {make: func(t *testing.T) *os.File { return memfd(t, sys.SealShrink) }},
	"no fallocate":     {make: tempFile, denied: syscall.EOPNOTSUPP},
	"fallocate denied": {make: tempFile, denied: syscall.EPERM},
}

type kind struct {
	make   func(t *testing.T) *os.File // nil for one of ours
	denied syscall.Errno               // what fallocate answers
}

// open returns the File, and a descriptor by which others write to it. look is told of
// each system call.
func (k kind) open(t *testing.T, look func(sys.Call)) (*File, *os.File) {
	t.Helper()
	t.Cleanup(sys.SetHook(func(c sys.Call) syscall.Errno {
		look(c)
		if c == sys.CallExtend || c == sys.CallAllocatePlain {
			return k.denied
		}
		return 0
	}))
	if k.make != nil {
		theirs := k.make(t)
		f, err := Adopt(theirs, "test", true)
		if err != nil {
			t.Fatal(err)
		}
		return f, theirs
	}
	f, err := New("test", HugeAuto)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := sys.Dup(f.Fd())
	if err != nil {
		t.Fatal(err)
	}
	return f, os.NewFile(uintptr(fd), "test")
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func memfd(t *testing.T, seals int) *os.File {
	t.Helper()
	fd, err := sys.Memfd("test", 0)
	if err == nil && seals != 0 {
		err = sys.Seal(fd, seals)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "test")
}

func adopt(t *testing.T, theirs *os.File) *File {
	t.Helper()
	f, err := Adopt(theirs, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sizeOf(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestGrow_KeepsWhatOthersAppend: a file that others have made longer is accepted as it
// is, and grows from there.
func TestGrow_KeepsWhatOthersAppend(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			f, theirs := kind.open(t, func(sys.Call) {})
			defer theirs.Close()
			defer f.Close()
			if err := f.Grow(mib); err != nil {
				t.Fatal(err)
			}
			if _, err := theirs.WriteAt([]byte("theirs"), 8*mib); err != nil {
				t.Fatal(err)
			}
			const long = 8*mib + int64(len("theirs"))
			for _, n := range []int{3 * mib, 6 * mib} {
				if err := f.Grow(n); err != nil || sizeOf(t, theirs) != long || f.Size() < n {
					t.Fatalf("Grow(%d): %v, the file has %d bytes, want %d", n, err, sizeOf(t, theirs), long)
				}
			}
			if others := f.Others(); others != int(long) {
				t.Errorf("Others is %d, want %d", others, long)
			}
			if err := f.Grow(9 * mib); err != nil || sizeOf(t, theirs) != 10*mib {
				t.Fatalf("Grow beyond: %v, the file has %d bytes", err, sizeOf(t, theirs))
			}
			got := make([]byte, len("theirs"))
			if _, err := theirs.ReadAt(got, 8*mib); err != nil || string(got) != "theirs" {
				t.Errorf("what others wrote is %q: %v", got, err)
			}
		})
	}
}

// TestGrow_OthersAppendMeanwhile: others make the file longer after it was looked at and
// before the call that is to make it so.
func TestGrow_OthersAppendMeanwhile(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			var f *File
			var theirs *os.File
			made := false
			f, theirs = kind.open(t, func(c sys.Call) {
				if theirs != nil && !made && (c == sys.CallFtruncate || c == sys.CallExtend || c == sys.CallPwrite) {
					made = true
					if _, err := theirs.WriteAt([]byte("theirs"), 8*mib); err != nil {
						t.Error(err)
					}
				}
			})
			defer theirs.Close()
			defer f.Close()
			for _, n := range []int{mib, 3 * mib} {
				if err := f.Grow(n); err != nil || sizeOf(t, theirs) != 8*mib+6 {
					t.Errorf("Grow(%d): %v, the file has %d bytes", n, err, sizeOf(t, theirs))
				}
			}
		})
	}
}

// TestGrow_OthersChangeTheirMind: others make the file longer, and then as short again as
// it must be.
func TestGrow_OthersChangeTheirMind(t *testing.T) {
	theirs := tempFile(t)
	defer theirs.Close()
	f := adopt(t, theirs)
	defer f.Close()
	for _, step := range []struct{ theirs, grow, want int }{{0, mib, 2 * mib}, {8 * mib, 3 * mib, 8 * mib}, {5 * mib, 7 * mib, 8 * mib}} {
		if step.theirs > 0 {
			if err := theirs.Truncate(int64(step.theirs)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Grow(step.grow); err != nil || sizeOf(t, theirs) != int64(step.want) {
			t.Errorf("%+v: %v, the file has %d bytes", step, err, sizeOf(t, theirs))
		}
	}
}

// TestGrow_BesideAppending: others append all the time, and nothing of it is lost.
func TestGrow_BesideAppending(t *testing.T) {
	theirs := tempFile(t)
	f := adopt(t, theirs)
	defer theirs.Close()
	defer f.Close()
	log, err := os.OpenFile(theirs.Name(), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var stop atomic.Bool
	var appended []int64 // where each record begins
	var wg sync.WaitGroup
	record := func(i int) []byte { return fmt.Appendf(nil, "record %08d\n", i) }
	wg.Go(func() {
		for i := 0; !stop.Load() && i < 100_000; i++ {
			n, err := log.Write(record(i))
			if err != nil {
				t.Error(err)
				return
			}
			end, err := log.Seek(0, 1) // Where an append has left the position.
			if err != nil {
				t.Error(err)
				return
			}
			appended = append(appended, end-int64(n))
		}
	})
	for n := mib; n < 600*mib; n += 2 * mib {
		if err := f.Grow(n); err != nil {
			t.Error(err)
			break
		}
	}
	stop.Store(true)
	wg.Wait()
	for i, off := range appended {
		want := record(i)
		got := make([]byte, len(want))
		if _, err := log.ReadAt(got, off); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q at %d of %d records: %q, %v", want, off, len(appended), got, err)
		}
	}
}

// TestSeals: nobody who gets the file can cut it, or forbid that it grows.
func TestSeals(t *testing.T) {
	f, err := New("test", HugeAuto)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, seal := range []int{sys.SealGrow, sys.SealWrite, sys.SealFutureWrite} {
		if err := sys.Seal(f.Fd(), seal); !errors.Is(err, sys.EPERM) {
			t.Errorf("seal %#x is accepted: %v", seal, err)
		}
	}
	if err := sys.Truncate(f.Fd(), 4*mib); err != nil {
		t.Fatal(err)
	}
	if err := sys.Truncate(f.Fd(), 2*mib); !errors.Is(err, sys.EPERM) {
		t.Errorf("it can be cut: %v", err)
	}
}

// TestGrow_SealedAgainstGrowing: the caller's own seal is the reason, and is named.
func TestGrow_SealedAgainstGrowing(t *testing.T) {
	for _, seals := range []int{sys.SealGrow, sys.SealGrow | sys.SealShrink} {
		theirs := memfd(t, seals)
		f := adopt(t, theirs)
		err := f.Grow(mib)
		if !errors.Is(err, sys.EPERM) || !bytes.Contains([]byte(fmt.Sprint(err)), []byte("F_SEAL_GROW")) {
			t.Errorf("seals %#x: %v", seals, err)
		}
		f.Close()
		theirs.Close()
	}
}

// TestGrow_Full: a full file system, and a quota, say what to change, and the file is as it was.
func TestGrow_Full(t *testing.T) {
	for _, errno := range []syscall.Errno{sys.ENOSPC, sys.EDQUOT} {
		theirs := tempFile(t)
		f := adopt(t, theirs)
		restore := testutil.FailAll(sys.CallExtend, errno)
		err := f.Grow(mib)
		restore()
		if !errors.Is(err, errno) || !strings.Contains(fmt.Sprint(err), "mount it larger") || f.Size() != 0 {
			t.Errorf("%d bytes, %v", f.Size(), err)
		}
		f.Close()
		theirs.Close()
	}
}

// TestExplainMemory: what is said of memory names the pool of huge pages that is empty, the
// file system that is full, or the cgroup.
func TestExplainMemory(t *testing.T) {
	for _, tt := range []struct {
		err  error
		page int
		want string
	}{
		{sys.ENOMEM, 2 << 20, "too few pages of 2 MiB: write how many it is to have to /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, or use HugeAuto"},
		{sys.ENOSPC, 1 << 30, "too few pages of 1024 MiB: write how many it is to have to /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"},
		{sys.ENOSPC, 4096, "the file system of the backing file is full"},
		{sys.EDQUOT, 4096, "its user's quota"},
		{sys.EBUSY, 4096, "memory.max"},
		{sys.ENOMEM, 4096, "cannot allocate memory"},
	} {
		if err := ExplainMemory(tt.err, tt.page); !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, pages of %d: %v", tt.err, tt.page, err)
		}
	}
}

// TestGrow_FileSizeLimit: RLIMIT_FSIZE is an error and never a signal, by each way to
// make a file longer; what needs no longer file goes on.
func TestGrow_FileSizeLimit(t *testing.T) {
	if !testutil.InChild(t, "-f 2048") { // In units of 512 or 1,024 bytes.
		return
	}
	signals := make(chan os.Signal, 1000)
	signal.Notify(signals)
	defer signal.Stop(signals)
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			f, theirs := kind.open(t, func(sys.Call) {})
			defer theirs.Close()
			defer f.Close()
			for _, n := range []int{4 * mib, 64 * mib} {
				if err := f.Grow(n); !errors.Is(err, sys.EFBIG) {
					t.Errorf("Grow(%d): %v", n, err)
				}
			}
		})
	}
	t.Run("calls", func(t *testing.T) {
		file := tempFile(t)
		defer file.Close()
		fd := int(file.Fd())
		const n = 4 * mib
		for name, call := range map[string]func() error{
			"ftruncate": func() error { return sys.Truncate(fd, n) },
			"fallocate": func() error { return sys.Extend(fd, n) },
			"pwrite":    func() error { return sys.ExtendByWriting(fd, n) },
			"allocate":  func() error { return sys.Allocate(fd, n-4096, 4096) },
		} {
			if err := call(); !errors.Is(err, sys.EFBIG) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	for _, feature := range Features() {
		t.Logf("%-20s %v", feature.Name, feature.Err)
	}
	// Signals come in order: what is to come has come before this one.
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGXFSZ:
				t.Error("SIGXFSZ was sent")
			case syscall.SIGUSR1:
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the last signal has not come")
		}
	}
}

// TestNew_HugeAlways: a touch gives all of an extent memory, by advice or in a tmpfs of the file's own;
// where that is refused the file is as any other.
func TestNew_HugeAlways(t *testing.T) {
	resident := func(f *File) int {
		addr := mapped(t, f, 2*ExtentSize)
		HugeAlways.Advise(addr, 2*ExtentSize)
		bytesAt(sys.Pointer(addr), 2*ExtentSize)[ExtentSize+5] = 1
		pages, err := sys.Resident(addr, 2*ExtentSize)
		if err != nil {
			t.Fatal(err)
		}
		return pages * os.Getpagesize()
	}
	create := func() *File {
		f, err := New(t.Name(), HugeAlways)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.Close)
		return f
	}
	t.Run("refused", func(t *testing.T) {
		deny(t, syscall.EPERM, sys.CallFsopen)
		want := os.Getpagesize()
		if noHugeAdvice() == nil {
			want = ExtentSize
		}
		if f := create(); resident(f) < want || !f.Memfd() {
			t.Errorf("%+v", f)
		}
	})
	if tmpfs, err := inOwnTmpfs("a/b"); err == nil {
		t.Cleanup(tmpfs.Close)
		if n := resident(tmpfs); n == os.Getpagesize() {
			t.Skip("a tmpfs has no huge pages here: shmem_enabled is deny, or there are none free")
		}
	} else if noHugeAdvice() != nil {
		t.Skip("no huge pages for memory that is touched:", err)
	}
	if n := resident(create()); n != ExtentSize {
		t.Errorf("a touch gives %d bytes memory, want a huge page", n)
	}
}

// TestFile_OwnTmpfs: a file in a tmpfs of its own takes no memory by growing, and once somebody else has it, is not
// cut where he makes it longer.
func TestFile_OwnTmpfs(t *testing.T) {
	f, err := inOwnTmpfs("shown")
	if err != nil {
		t.Skip("a tmpfs may not be mounted here: ", err)
	}
	defer f.Close()
	if err := f.Grow(2 * ExtentSize); err != nil || f.Allocated() != 0 {
		t.Errorf("%v, it has %d bytes of memory", err, f.Allocated())
	}
	fd, err := f.Open(true)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	if err := sys.Truncate(fd, 8*ExtentSize); err != nil {
		t.Fatal(err)
	}
	if err := f.extend(4 * ExtentSize); err != nil { // He was faster than the look before it.
		t.Error(err)
	}
	if info, err := sys.Stat(fd); err != nil || info.Size != 8*ExtentSize {
		t.Errorf("%+v, %v: it was made shorter", info, err)
	}
}
