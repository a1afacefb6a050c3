//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/shm"
)

// shmScene is a shared buffer in the middle of its life: 1 MiB published, in windows of 2 MiB, with
// a follower.
type shmScene struct {
	t     *testing.T
	space *addrspace.Space
	dir   string
	data  []byte // that is published
	w     *shm.Writer
	f     *shm.Follower
	made  []func() error // gives back what operations have made
}

// inMemory is a buffer without a name, inTmpfs one with a name.
func inMemory() string { return "" }

func inTmpfs() string {
	dir, err := os.MkdirTemp("/dev/shm", "growarena-faults-")
	if err != nil {
		return "none"
	}
	return dir
}

func newShmScene(t *testing.T, dir string) *shmScene {
	t.Helper()
	if dir == "none" {
		t.Skip("no /dev/shm")
	}
	memfile.CanRehome() // Found out by calls of its own.
	if memfile.NoDuplicate() != nil {
		t.Skip("no second mapping by mremap")
	}
	m := &shmScene{t: t, space: newSpace(t, addrspace.Options{}), dir: dir, data: make([]byte, mib)}
	mark(m.data, 0)
	var err error
	m.w, err = shm.Create(m.options("x"))
	must(t, err)
	_, err = m.w.Write(m.data)
	must(t, err)
	m.f, err = m.follow()
	must(t, err)
	return m
}

func (m *shmScene) options(name string) shm.Options {
	return shm.Options{Name: name, Dir: m.dir, Arena: arena.Options{Space: m.space, Reserve: 2 * mib, Rungs: noExtend, HugePages: arena.HugeNever, Headroom: -1}}
}

// follow follows the buffer.
func (m *shmScene) follow() (*shm.Follower, error) {
	files, err := m.w.Files()
	if err != nil {
		return nil, err
	}
	defer files.Close()
	return shm.Follow(files, shm.FollowOptions{Space: m.space, Reserve: 2 * mib})
}

func (m *shmScene) scene(op func() error) *scene {
	return &scene{op: op, print: m.print, check: m.check, close: m.close}
}

func (m *shmScene) print() string {
	s := fmt.Sprintf("%d made\n", len(m.made))
	if m.w != nil {
		s += fmt.Sprintf("%d published\n", m.w.Published())
	}
	if m.dir != "" {
		entries, err := os.ReadDir(m.dir)
		must(m.t, err)
		for _, e := range entries {
			s += e.Name() + "\n"
		}
	}
	return s
}

func (m *shmScene) check(t *testing.T, done bool) {
	t.Helper()
	if m.f == nil {
		return
	}
	must(t, m.f.Read(func(b []byte) error {
		same(t, "what is followed", b, m.data[:len(b)])
		return nil
	}))
}

func (m *shmScene) close(t *testing.T) {
	if m.f != nil {
		must(t, m.f.Close())
	}
	for _, f := range m.made {
		must(t, f())
	}
	if m.w != nil {
		must(t, m.w.Close())
	}
	if m.dir != "" {
		must(t, os.RemoveAll(m.dir))
	}
	closeSpace(t, m.space)
}

// shares makes an operation on a shared buffer.
func shares(name, covers string, dir func() string, op func(m *shmScene) error) operation {
	return operation{
		name: "shm." + name, covers: []string{"shm." + covers}, thin: true,
		setup: func(t *testing.T) *scene {
			m := newShmScene(t, dir())
			return m.scene(func() error { return op(m) })
		},
	}
}

// shareOnce is shares of what cannot be done twice.
func shareOnce(name, covers string, dir func() string, op func(m *shmScene) error) operation {
	o := shares(name, covers, dir, op)
	setup := o.setup
	o.setup = func(t *testing.T) *scene {
		s := setup(t)
		s.once, s.print = true, nil
		return s
	}
	return o
}

// leftBehind is shareOnce where the writer has ended without Close.
func leftBehind(name, covers string, op func(m *shmScene) error) operation {
	return operation{
		name: "shm." + name, covers: []string{"shm." + covers}, thin: true,
		setup: func(t *testing.T) *scene {
			m := newShmScene(t, inTmpfs())
			m.w.Abort()
			m.w = nil
			s := m.scene(func() error { return op(m) })
			s.once = true
			s.print = nil // What is half removed is left over, as what is half made.
			return s
		},
	}
}

// createShared makes another buffer.
func createShared(m *shmScene) error {
	w, err := shm.Create(m.options(fmt.Sprint("y", len(m.made))))
	if err == nil {
		m.made = append(m.made, w.Close)
	}
	return err
}

// moreOf publishes so many bytes more.
func moreOf(n int) func(m *shmScene) error {
	return func(m *shmScene) error {
		b := make([]byte, n)
		mark(b, len(m.data))
		_, err := m.w.Write(b)
		if err == nil {
			m.data = append(m.data, b...)
		}
		return err
	}
}

// canMount skips the test where this process may not mount.
func canMount(t *testing.T) {
	m, err := shm.NewMount(shm.MountOptions{})
	if err != nil {
		t.Skip(err)
	}
	must(t, m.Close())
}

var shmOperations = []operation{
	shares("Create/memory", "Create", inMemory, createShared),
	shares("Create/name", "Create", inTmpfs, createShared),
	shares("Writer.Write/elsewhere", "Writer.Write", inMemory, moreOf(4*mib)),
	shares("Writer.Write/elsewhere, name", "Writer.Write", inTmpfs, moreOf(4*mib)),
	shares("Writer.Append", "Writer.Append", inMemory, func(m *shmScene) error {
		b := make([]byte, 4*mib)
		mark(b, len(m.data))
		off, err := m.w.Append(b)
		if err == nil && off == len(m.data) {
			m.data = append(m.data, b...)
		}
		return err
	}),
	shares("AppendValues", "AppendValues", inTmpfs, func(m *shmScene) error {
		row, err := shm.AppendValues(m.w, make([][64]byte, 64<<10)...)
		if err == nil && row == len(m.data)/64 {
			m.data = append(m.data, make([]byte, 4*mib)...)
		}
		return err
	}),
	{
		name: "shm.Writer.DropFront", covers: []string{"shm.Writer.DropFront", "shm.Writer.KeepLast"}, thin: true,
		setup: func(t *testing.T) *scene {
			m := newShmScene(t, inTmpfs())
			o := m.options("dropped")
			o.Droppable = true
			w, err := shm.Create(o)
			must(t, err)
			m.made = append(m.made, w.Close)
			_, err = w.Write(m.data)
			must(t, err)
			return m.scene(func() error { return w.KeepLast(mib / 2) })
		},
	},
	shares("Writer.Files", "Writer.Files", inMemory, func(m *shmScene) error {
		files, err := m.w.Files()
		if err == nil {
			m.made = append(m.made, files.Close)
		}
		return err
	}),
	shares("Follow", "Follow", inMemory, func(m *shmScene) error {
		f, err := m.follow()
		if err == nil {
			m.made = append(m.made, f.Close)
		}
		return err
	}),
	shares("Open", "Open", inTmpfs, func(m *shmScene) error {
		f, err := shm.Open(m.dir, "x", shm.FollowOptions{Space: m.space})
		if err == nil {
			m.made = append(m.made, f.Close)
		}
		return err
	}),
	shares("Open without a descriptor", "Open", inTmpfs, func(m *shmScene) error {
		f, err := shm.Open(m.dir, "x", shm.FollowOptions{Space: m.space, NoDescriptor: true})
		if err != nil {
			return err
		}
		_, err = f.Poll()
		if err == nil {
			_, err = f.Alive()
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		m.made = append(m.made, f.Close)
		return nil
	}),
	shares("Await", "Await", inTmpfs, func(m *shmScene) error {
		f, err := shm.Await(context.Background(), m.dir, "x", shm.FollowOptions{Space: m.space})
		if err == nil {
			m.made = append(m.made, f.Close)
		}
		return err
	}),
	shares("Writer.Awaited", "Writer.Awaited", inTmpfs, func(m *shmScene) error {
		_, err := m.w.Awaited()
		return err
	}),
	shares("Follower.Alive", "Follower.Alive", inMemory, func(m *shmScene) error {
		alive, err := m.f.Alive()
		if err == nil && !alive {
			m.t.Error("the writer is dead")
		}
		return err
	}),
	shares("Writer.Stats", "Writer.Stats", inMemory, func(m *shmScene) error {
		s, err := m.w.Stats()
		if err == nil && s.Published != len(m.data) {
			m.t.Errorf("%d bytes are published, want %d", s.Published, len(m.data))
		}
		return err
	}),
	shares("List", "List", inTmpfs, func(m *shmScene) error {
		all, err := shm.List(m.dir)
		for _, i := range all {
			err = errors.Join(err, i.Err)
		}
		if err != nil {
			return fmt.Errorf("shm: %w", err)
		}
		return nil
	}),
	shareOnce("Writer.Remove", "Writer.Remove", inTmpfs, func(m *shmScene) error { return m.w.Remove() }),
	leftBehind("Remove", "Remove", func(m *shmScene) error {
		err := shm.Remove(m.dir, "x")
		if errors.Is(err, fs.ErrNotExist) {
			return nil // What was left when it failed is gone now.
		}
		return err
	}),
	leftBehind("TakeOver", "TakeOver", func(m *shmScene) error {
		w, err := shm.TakeOver(m.options("x"))
		if err == nil {
			m.w = w
		}
		return err
	}),
	shareOnce("Writer.Close", "Writer.Close", inTmpfs, func(m *shmScene) error {
		w := m.w
		m.w = nil
		if w == nil {
			return nil // It is closed, whatever the error.
		}
		return w.Close()
	}),
	shareOnce("Writer.Abort", "Writer.Abort", inMemory, func(m *shmScene) error {
		m.w.Abort()
		m.w = nil
		return nil
	}),
	shareOnce("Follower.Close", "Follower.Close", inMemory, func(m *shmScene) error {
		f := m.f
		m.f = nil
		if f == nil {
			return nil
		}
		return f.Close()
	}),
	shareOnce("Reader.WriteTo", "Reader.WriteTo", inMemory, func(m *shmScene) error {
		if m.w != nil {
			must(m.t, m.w.Close())
			m.w = nil
		}
		_, err := m.f.NewReader(context.Background(), 0).WriteTo(io.Discard)
		return err
	}),
	{
		name: "shm.Files.Send, Receive", covers: []string{"shm.Files.Send", "shm.Receive"}, thin: true,
		setup: func(t *testing.T) *scene {
			m := newShmScene(t, inMemory())
			pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			must(t, err)
			a, b := os.NewFile(uintptr(pair[0]), "a"), os.NewFile(uintptr(pair[1]), "b")
			m.made = append(m.made, a.Close, b.Close)
			sent := 0
			return m.scene(func() error {
				files, err := m.w.Files()
				if err != nil {
					return err
				}
				defer files.Close()
				if sent == 0 {
					if err := files.Send(a); err != nil {
						return err
					}
					sent++
				}
				got, err := shm.Receive(b)
				if err == nil {
					sent--
					err = got.Close()
				}
				return err
			})
		},
	},
	{
		name: "shm.Writer.Sync", covers: []string{"shm.Writer.Sync"}, thin: true,
		setup: func(t *testing.T) *scene {
			dir := t.TempDir()
			f, err := os.Open(dir)
			must(t, err)
			fs, err := sys.FileSystemOf(int(f.Fd()))
			must(t, f.Close())
			if err != nil || fs.Memory {
				t.Skipf("%s is no disk: %v", dir, err)
			}
			m := newShmScene(t, dir)
			return m.scene(func() error { return m.w.Sync() })
		},
	},
	{
		name: "shm.NewMount", covers: []string{"shm.NewMount", "shm.Mount.Close"}, thin: true,
		setup: func(t *testing.T) *scene {
			canMount(t)
			return &scene{op: func() error {
				m, err := shm.NewMount(shm.MountOptions{Size: mib})
				if err != nil {
					return err
				}
				return m.Close()
			}}
		},
	},
	{
		name: "shm.Mount.Attach", covers: []string{"shm.Mount.Attach"}, thin: true,
		setup: func(t *testing.T) *scene {
			canMount(t)
			m, err := shm.NewMount(shm.MountOptions{Size: mib})
			must(t, err)
			dir, attached := t.TempDir(), false
			return &scene{once: true, op: func() error {
				err := m.Attach(dir)
				attached = err == nil
				return err
			}, close: func(t *testing.T) {
				if attached {
					must(t, syscall.Unmount(dir, syscall.MNT_DETACH))
				}
				must(t, m.Close())
			}}
		},
	},
	{
		name: "shm.UserDir", covers: []string{"shm.UserDir"}, thin: true,
		setup: func(t *testing.T) *scene {
			if _, err := os.Stat("/dev/shm"); err != nil {
				t.Skip(err)
			}
			return &scene{op: func() error {
				_, err := shm.UserDir()
				return err
			}}
		},
	},
	{
		name: "arena.Arena.Share", covers: []string{"arena.Arena.Share"}, thin: true,
		setup: func(t *testing.T) *scene {
			fd, err := sys.Memfd("shared", 0)
			must(t, err)
			f := os.NewFile(uintptr(fd), "shared")
			a, err := arena.NewArena(arena.Options{File: f})
			must(t, err)
			return &scene{
				once: true,
				op:   func() error { return a.Share(true) },
				close: func(t *testing.T) {
					must(t, a.Free())
					must(t, f.Close())
				},
			}
		},
	},
}
