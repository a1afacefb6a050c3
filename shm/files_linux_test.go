//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// sockets returns two ends of a unix socket.
func sockets(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	one, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.Close(); two.Close() })
	return one.(*net.UnixConn), two.(*net.UnixConn)
}

// TestSend hands files over a socket.
func TestSend(t *testing.T) {
	w := create(t, Options{})
	write(t, w, 1000)
	a, b := sockets(t)
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Send(a), files.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := Receive(b)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	f, err := Follow(got, FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Len() != 1000 {
		t.Errorf("%d bytes", f.Len())
	}
	a.Close()
	if _, err := Receive(b); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// TestReceive_Wrong: what is not three descriptors is closed, and an error.
func TestReceive_Wrong(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	before := testutil.Snapshot()
	for n := range 6 {
		if n == len(Files{}) {
			continue
		}
		a, b := sockets(t)
		var fds []int
		for range n {
			fds = append(fds, fdOf(null))
		}
		raw, err := a.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := sys.SendFiles(raw, fds); err != nil {
			t.Fatal(err)
		}
		if files, err := Receive(b); err == nil {
			t.Errorf("%d descriptors: %v", n, files)
		}
		a.Close()
		b.Close()
	}
	if leaks := before.Leaks(nil); leaks != "" {
		t.Error(leaks)
	}
}

// TestFiles: of what is handed out only the bell can be written, and nobody else can open it.
func TestFiles(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		write(t, w, 100)
		files, err := w.Files()
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		for i, f := range files[:fileBell] {
			if _, err := f.WriteAt([]byte{1}, 0); err == nil {
				t.Errorf("file %d can be written", i)
			}
			if err := f.Truncate(0); err == nil {
				t.Errorf("file %d can be cut", i)
			}
		}
		if o.Dir == "" {
			for i, f := range files {
				if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("file %d: mode %v, %v", i, info.Mode(), err)
				}
			}
		}
	})
}

func init() {
	// hostile does to a sealed buffer what it can, as another user.
	roles["hostile"] = func() int {
		files := Inherited(3)
		f, err := Follow(files, FollowOptions{})
		if err != nil {
			return fail("%v", err)
		}
		defer f.Close()
		failed := 0
		refused := func(what string, err error) {
			if err == nil {
				failed = fail("%s was allowed", what)
			}
		}
		for i, file := range files {
			fd := int(file.Fd())
			refused("cut "+strconv.Itoa(i), syscall.Ftruncate(fd, 0))
			refused("seal "+strconv.Itoa(i), sys.Seal(fd, sys.SealGrow|0x20))
			if i == fileBell {
				continue
			}
			_, err := syscall.Pwrite(fd, []byte{1}, 0)
			refused("write "+strconv.Itoa(i), err)
			refused("grow "+strconv.Itoa(i), syscall.Ftruncate(fd, 1<<30))
			refused("allocate "+strconv.Itoa(i), syscall.Fallocate(fd, 0, 0, 1<<20))
			refused("punch "+strconv.Itoa(i), sys.Punch(fd, 0, 4096))
			_, err = syscall.Mmap(fd, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
			refused("map for writing "+strconv.Itoa(i), err)
		}
		for i, file := range files {
			for _, flags := range []int{syscall.O_RDWR, syscall.O_WRONLY} {
				fd, err := syscall.Open("/proc/self/fd/"+strconv.Itoa(int(file.Fd())), flags, 0)
				refused("open anew for writing "+strconv.Itoa(i), err)
				if err == nil {
					syscall.Close(fd)
				}
			}
		}
		refused("lock the control file", sys.LockByte(int(files[fileControl].Fd()), lockedByte))
		// What it may: rubbish in the bell, and not there any more.
		if _, err := files[fileBell].WriteAt([]byte{1, 2, 3, 4}, 0); err != nil {
			return fail("%v", err)
		}
		refused("make the bell longer", files[fileBell].Truncate(1<<20))
		_ = sys.Punch(int(files[fileBell].Fd()), 0, 4096)
		_ = sys.Lock(int(files[fileBell].Fd()))
		_, _ = os.Stdout.WriteString("done\n")
		if failed != 0 {
			return failed
		}
		select {} // It is stopped, for ever.
	}
}

// TestHostile: a follower of another user can neither change nor hold up anything.
func TestHostile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	for name, droppable := range map[string]bool{"sealed": false, "droppable": true} {
		t.Run(name, func(t *testing.T) { hostile(t, Options{Droppable: droppable}) })
	}
}

// hostile has another user do his worst to a buffer.
func hostile(t *testing.T, o Options) {
	w := create(t, o)
	write(t, w, 100_000)
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	c := command(t, "hostile", files[:])
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c.Stdout, c.Stderr = in, in
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	c.Dir = "/"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := reachable(self); err != nil {
		c.Path = copied(t, self)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	var said [4096]byte
	n, _ := out.Read(said[:])
	if got := string(said[:n]); got != "done\n" {
		t.Errorf("the hostile follower: %s", got)
	}
	if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// Writer and other followers go on.
	f := follower(t, w, FollowOptions{})
	done := make(chan error, 1)
	go func() { done <- f.Wait(soon(t), 300_000) }()
	asleep(f, 1)
	write(t, w, 100_000)
	write(t, w, 100_000)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := f.Read(func(b []byte) error {
		if len(b) != 300_000 || wrongAt(b, 0) >= 0 {
			t.Errorf("%d bytes, wrong at %d", len(b), wrongAt(b, 0))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	w.Abort()
	if err := f.Wait(soon(t), 300_001); !errors.Is(err, ErrWriterGone) {
		t.Errorf("got %v", err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
}

// reachable reports whether another user can run a program.
func reachable(path string) error {
	for dir := path; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o005 != 0o005 {
			return os.ErrPermission
		}
	}
	return nil
}

// copied copies a program to where another user can run it.
func copied(t *testing.T, path string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "growarena-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "shm.test")
	if err := errors.Join(os.WriteFile(to, b, 0o700), os.Chmod(to, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestHostile_Cut: a buffer with a name that somebody cuts is an error for those who read it,
// and for the writer no fault but in its own stores.
func TestHostile_Cut(t *testing.T) {
	for _, suffix := range []string{dataSuffix, controlSuffix, bellSuffix} {
		t.Run(suffix, func(t *testing.T) {
			dir := tmpfsDir(t)
			w := create(t, Options{Dir: dir, Name: "x", Perm: 0o640})
			write(t, w, 3<<20)
			f := follower(t, w, FollowOptions{})
			if suffix == controlSuffix {
				defer func() { w.l = new(layout) }() // The writer's own page is gone with it.
			}
			if err := os.Truncate(filepath.Join(dir, "x"+suffix), 0); err != nil {
				t.Fatal(err)
			}
			_, err := f.look()
			waitErr := f.Wait(soon(t), 3<<20+1-1)
			readErr := f.Read(func(b []byte) error {
				_ = wrongAt(b, 0)
				return nil
			})
			switch suffix {
			case dataSuffix:
				if !errors.Is(readErr, ErrCorrupt) {
					t.Errorf("Read: %v", readErr)
				}
			case controlSuffix:
				for _, err := range []error{err, waitErr, readErr} {
					if !errors.Is(err, ErrCorrupt) {
						t.Errorf("got %v", err)
					}
				}
			case bellSuffix:
				if err != nil || readErr != nil {
					t.Errorf("%v, %v", err, readErr)
				}
				write(t, w, 10)
				if n, err := f.Poll(); n != 3<<20+10 || err != nil {
					t.Errorf("Poll: %d, %v", n, err)
				}
			}
		})
	}
}
