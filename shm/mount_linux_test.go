//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// mounted makes a mount that the test closes, if it has not.
func mounted(t *testing.T, o MountOptions) *Mount {
	t.Helper()
	m, err := NewMount(o)
	if errors.Is(err, sys.EPERM) || errors.Is(err, sys.ENOSYS) || strings.Contains(fmt.Sprint(err), "leave Huge empty") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if fdOf(m.file) >= 0 {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return m
}

// statOf returns what a directory is.
func statOf(t *testing.T, dir string) (st syscall.Stat_t) {
	t.Helper()
	if err := syscall.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// TestMount: buffers live in a mount that no directory has, by all that takes a directory.
func TestMount(t *testing.T) {
	m := mounted(t, MountOptions{})
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(before), " growarena ") {
		t.Errorf("it is attached: %s", before)
	}
	w := create(t, Options{Dir: m.Dir(), Name: "x"})
	write(t, w, 3<<20)
	f, err := Open(m.Dir(), "x", FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := List(m.Dir()); err != nil || len(all) != 1 || all[0].Name != "x" || !all[0].Alive || all[0].Err != nil {
		t.Errorf("List: %+v, %v", all, err)
	}
	w.Abort()
	w, err = TakeOver(Options{Dir: m.Dir(), Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 1<<20)
	// The writer goes on without the mount, as do those who follow.
	dir := m.Dir()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "x", FollowOptions{}); err == nil {
		t.Error("the names are still there")
	}
	write(t, w, 1<<20)
	if err := f.Read(func(b []byte) error {
		if len(b) != 5<<20 || wrongAt(b, 0) >= 0 {
			t.Errorf("%d bytes, wrong at %d", len(b), wrongAt(b, 0))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(f.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("closed twice")
			}
		}()
		_ = m.Close()
	}()
}

// TestMount_Gone: with mount and buffers closed the file system is gone: its device number is
// given to later ones.
func TestMount_Gone(t *testing.T) {
	const mounts = 30
	seen := map[uint64]bool{}
	for range mounts {
		m := mounted(t, MountOptions{})
		seen[statOf(t, m.Dir()).Dev] = true
		w := create(t, Options{Dir: m.Dir(), Name: "x"}) // The name is left.
		write(t, w, 1000)
		if err := errors.Join(w.Close(), m.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) == mounts {
		t.Errorf("%d mounts are all there still", mounts)
	}
}

// TestMount_Options: mode, owner and huge pages are as asked for, and by default the caller's alone.
func TestMount_Options(t *testing.T) {
	st := statOf(t, mounted(t, MountOptions{}).Dir())
	if st.Mode != syscall.S_IFDIR|0o700 || st.Uid != uint32(os.Getuid()) || st.Gid != uint32(os.Getgid()) {
		t.Errorf("by default: %+v", st)
	}
	m := mounted(t, MountOptions{Size: 8 << 20, Mode: 0o777, UID: 123, GID: 456})
	st = statOf(t, m.Dir())
	if st.Mode != syscall.S_IFDIR|0o777 || st.Uid != 123 || st.Gid != 456 {
		t.Errorf("got %+v", st)
	}
	var sf syscall.Statfs_t
	if err := syscall.Statfs(m.Dir(), &sf); err != nil || int64(sf.Blocks)*int64(sf.Bsize) != 8<<20 {
		t.Errorf("%d blocks of %d bytes, %v", sf.Blocks, sf.Bsize, err)
	}
}

// TestMount_Huge: an option of huge pages comes to the kernel, which tells it of what is attached.
func TestMount_Huge(t *testing.T) {
	for _, huge := range []string{"always", "within_size", "advise"} {
		t.Run(huge, func(t *testing.T) {
			m, dir := mounted(t, MountOptions{Huge: huge}), t.TempDir()
			attach(t, m, dir)
			if line := mountLine(t, dir); !strings.Contains(line, "huge="+huge) {
				t.Errorf("got %s", line)
			}
			w := create(t, Options{Dir: dir, Name: "x"})
			write(t, w, 5<<20)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// attach attaches m, and has the test unmount it.
func attach(t *testing.T, m *Mount, dir string) {
	t.Helper()
	if err := m.Attach(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// mountLine returns what the kernel says of the mount at dir.
func mountLine(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, " "+dir+" ") {
			return line
		}
	}
	return ""
}

// TestMount_Attach: what is attached is found by its directory, and stays.
func TestMount_Attach(t *testing.T) {
	m, dir := mounted(t, MountOptions{}), t.TempDir()
	w := create(t, Options{Dir: m.Dir(), Name: "x"})
	write(t, w, 1000)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Attach(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	attach(t, m, dir)
	line := mountLine(t, dir)
	for _, want := range []string{"nosuid", "nodev", "noexec", "- tmpfs growarena "} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s: %s", want, line)
		}
	}
	if err := m.Attach(dir); err == nil {
		t.Error("attached twice")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	f, err := Open(dir, "x", FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Poll(); n != 1000 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestMount_Full: a mount that is full is an ENOSPC that says what to change, nothing of the
// Write is published, and it can go on when there is room.
func TestMount_Full(t *testing.T) {
	m := mounted(t, MountOptions{Size: 8 << 20})
	w := create(t, Options{Dir: m.Dir(), Name: "x", Arena: arena.Options{Commit: true, HugePages: arena.HugeNever, Headroom: -1}})
	other := filepath.Join(m.Dir(), "other")
	if err := os.WriteFile(other, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f := follower(t, w, FollowOptions{})
	var err error
	for err == nil && w.Published() < 16<<20 {
		_, err = w.Write(pattern(w.Published(), w.Published()+100_000))
	}
	if !errors.Is(err, sys.ENOSPC) || !strings.Contains(err.Error(), "full") {
		t.Errorf("full: %v", err)
	}
	check := func() {
		t.Helper()
		if err := f.Read(func(b []byte) error {
			if len(b) != w.Published() || wrongAt(b, 0) >= 0 {
				t.Errorf("%d bytes, want %d, wrong at %d", len(b), w.Published(), wrongAt(b, 0))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	check()
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pattern(w.Published(), w.Published()+100_000)); err != nil {
		t.Errorf("with room: %v", err)
	}
	check()
}

// TestMount_Refused: who may not mount is told what to ask for; what fails leaves nothing.
func TestMount_Refused(t *testing.T) {
	for call, errno := range map[sys.Call]syscall.Errno{sys.CallFsopen: sys.EPERM, sys.CallFscreate: sys.EPERM, sys.CallFsmount: sys.ENOSYS} {
		if call != sys.CallFsopen {
			mounted(t, MountOptions{}) // Else one does not come so far.
		}
		restore := testutil.FailAll(call, errno)
		m, err := NewMount(MountOptions{Size: 1 << 30, Mode: 0o770, UID: 12, GID: 34, Huge: "never"})
		restore()
		if m != nil || !errors.Is(err, errno) {
			t.Fatalf("%v: %v", call, err)
		}
		want := "\ntmpfs /dev/shm/growarena tmpfs nosuid,nodev,noexec,size=1073741824,mode=0770,uid=12,gid=34,huge=never 0 0"
		if !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v: %v", call, err)
		}
	}
	mounted(t, MountOptions{})
	restore := testutil.FailAll(sys.CallFsconfig, sys.EINVAL)
	_, err := NewMount(MountOptions{})
	restore()
	if !errors.Is(err, sys.EINVAL) || !strings.Contains(err.Error(), "source=growarena") {
		t.Errorf("got %v", err)
	}
}

// TestMount_Misuse: options that are none are a mistake of the program.
func TestMount_Misuse(t *testing.T) {
	for name, o := range map[string]MountOptions{
		"size": {Size: -1}, "uid": {UID: -1}, "gid": {GID: -1}, "mode": {Mode: fs.ModeDir | 0o700}, "huge": {Huge: "yes,uid=0"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_, _ = NewMount(o)
		}()
	}
}

func init() {
	// mount uses a mount of its own as whoever it is.
	roles["mount"] = func() int {
		m, err := NewMount(MountOptions{Size: 4 << 20})
		if err != nil {
			return fail("%v", err)
		}
		defer m.Close()
		w, err := Create(Options{Dir: m.Dir(), Name: "x"})
		if err != nil {
			return fail("%v", err)
		}
		f, err := Open(m.Dir(), "x", FollowOptions{})
		if err != nil {
			return fail("%v", err)
		}
		defer f.Close()
		if _, err := w.Write(pattern(0, 1<<20)); err != nil {
			return fail("%v", err)
		}
		if err := w.Close(); err != nil {
			return fail("%v", err)
		}
		return check(f)
	}
	// mounted follows by the descriptor of a mount.
	roles["mounted"] = func() int {
		f, err := Open("/proc/self/fd/3", "x", FollowOptions{})
		if err != nil {
			return fail("%v", err)
		}
		defer f.Close()
		return check(f)
	}
}

// TestMount_Processes: others follow by the descriptor; and a user who may not mount may in a
// user namespace.
func TestMount_Processes(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	t.Run("descriptor", func(t *testing.T) {
		m := mounted(t, MountOptions{})
		w := create(t, Options{Dir: m.Dir(), Name: "x"})
		write(t, w, 100_000)
		c := start(t, "mounted", []*os.File{m.File()})
		write(t, w, 100_000)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if code := c.code(t); code != 0 {
			t.Errorf("exit code %d: %s", code, &c.out)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := reachable(self); err != nil {
		self = copied(t, self)
	}
	for name, namespaces := range map[string]uintptr{"user namespace": syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, "none": 0} {
		t.Run(name, func(t *testing.T) {
			c := command(t, "mount", nil)
			c.Path, c.Dir = self, "/"
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			if namespaces != 0 {
				ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}}
				c.SysProcAttr.UidMappings, c.SysProcAttr.GidMappings = ids, ids
				c.SysProcAttr.Credential = &syscall.Credential{}
			}
			if err := c.Start(); err != nil {
				t.Skipf("no such process: %v", err)
			}
			code := c.code(t)
			switch {
			case namespaces != 0 && code != 0:
				t.Errorf("exit code %d: %s", code, &c.out)
			case namespaces == 0 && (code == 0 || !strings.Contains(c.out.String(), "mode=0700,uid=65534,gid=65534 0 0")):
				t.Errorf("exit code %d: %s", code, &c.out)
			}
		})
	}
}
