package shm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/growarena/growarena/benchmarks/internal/raw"
	"github.com/growarena/growarena/shm"
)

// A channel is a way for bytes from one process to others.
type channel struct {
	// open opens the writer's side for so many bytes and followers.
	open func(size, followers int) (writer, error)
	// follow opens a follower's side, of the files that its process has got.
	follow func(files []*os.File) (follower, error)
}

// writer is the side that writes. After end nothing is written, and close gives all back.
type writer struct {
	files   [][]*os.File // for each follower
	started func() error // closes those that followers alone need
	write   func(p []byte) error
	end     func() error
	close   func() error
}

// follower returns what is new, waiting for it, and io.EOF at the end. It is valid until the
// next call.
type follower func() ([]byte, error)

// Channels by the names of contenders.
const (
	byPipe   = "pipe"
	bySocket = "unix socket"
	byPread  = "file, pread, polling"
)

var channels = map[string]channel{
	waiting:   {openShm, followShm(true)},
	polling:   {openShm, followShm(false)},
	premapped: {openPremapped, followPremapped},
	byPipe:    {openPipes(os.Pipe), followStream},
	bySocket:  {openPipes(sockets), followStream},
	byPread:   {openFile, followFile},
}

func openShm(size, followers int) (writer, error) {
	w, err := shm.Create(shm.Options{})
	if err != nil {
		return writer{}, err
	}
	files, err := w.Files()
	if err != nil {
		return writer{}, errors.Join(err, w.Close())
	}
	return writer{
		files: same(files[:], followers), started: files.Close,
		write: func(p []byte) error { _, err := w.Write(p); return err },
		end:   w.Close, close: nothing,
	}, nil
}

func nothing() error { return nil }

// same gives all followers the same files.
func same(files []*os.File, followers int) (all [][]*os.File) {
	for range followers {
		all = append(all, files)
	}
	return all
}

func followShm(wait bool) func(files []*os.File) (follower, error) {
	return func(files []*os.File) (follower, error) {
		f, err := shm.Follow(shm.Files(files), shm.FollowOptions{})
		if err != nil {
			return nil, err
		}
		off := 0
		return func() ([]byte, error) {
			for f.Len() == off {
				if wait {
					if err := f.Wait(context.Background(), off+1); err != nil {
						return nil, err
					}
					continue
				}
				n, err := f.Poll()
				if err != nil {
					return nil, err
				}
				if n == off && !spin() {
					// The length alone does not tell of the end.
					if alive, err := f.Alive(); err != nil || !alive {
						if n, err2 := f.Poll(); err != nil || err2 != nil || n == off {
							return nil, cmp.Or(err, err2, io.EOF)
						}
					}
				}
			}
			g, err := f.Pin()
			if err != nil {
				return nil, err
			}
			defer g.Unpin() // Without Retire what is seen stays.
			b := g.Bytes()[off:]
			off += len(b)
			return b, nil
		}, nil
	}
}

// spins counts the turns of who polls.
var spins atomic.Uint64

// spin reports whether to poll on: now and then others get the processor.
func spin() bool {
	n := spins.Add(1)
	if n%(1<<12) == 0 {
		runtime.Gosched()
	}
	return n%(1<<16) != 0
}

// ended is added to the length of a premapped file when nothing more comes.
const ended = 1 << 62

// lengthIn returns the word that has the length of what is behind the first page.
func lengthIn(m raw.Mapping) *atomic.Uint64 {
	// safety: a mapping begins at a page, and stays as long as the process uses it.
	return (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(m.Bytes())))
}

func openPremapped(size, followers int) (writer, error) {
	page := os.Getpagesize()
	fd, err := raw.Memfd(page + size)
	if err != nil {
		return writer{}, err
	}
	f := os.NewFile(uintptr(fd), "premapped")
	m, err := raw.File(fd, page+size, 0)
	if err != nil {
		return writer{}, errors.Join(err, f.Close())
	}
	length, data, n := lengthIn(m), m.Bytes()[page:], 0
	return writer{
		files: same([]*os.File{f}, followers), started: nothing,
		write: func(p []byte) error {
			if n+len(p) > len(data) {
				return fmt.Errorf("%d bytes are too many for %d", n+len(p), len(data))
			}
			n += copy(data[n:], p)
			length.Store(uint64(n))
			return nil
		},
		end:   func() error { length.Store(uint64(n) | ended); return nil },
		close: func() error { return errors.Join(m.Unmap(), f.Close()) },
	}, nil
}

func followPremapped(files []*os.File) (follower, error) {
	info, err := files[0].Stat()
	if err != nil {
		return nil, err
	}
	m, err := raw.File(int(files[0].Fd()), int(info.Size()), 0)
	if err != nil {
		return nil, err
	}
	length, data, off := lengthIn(m), m.Bytes()[os.Getpagesize():], 0
	return func() ([]byte, error) {
		for {
			n := length.Load()
			if int(n&^ended) > off {
				b := data[off:int(n&^ended)]
				off += len(b)
				return b, nil
			}
			if n&ended != 0 {
				return nil, io.EOF
			}
			spin()
		}
	}, nil
}

// sockets returns two sockets, of which one reads.
func sockets() (r, w *os.File, err error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket"), nil
}

// openPipes returns a channel of one pipe for each follower.
func openPipes(pipe func() (r, w *os.File, err error)) func(size, followers int) (writer, error) {
	return func(_, followers int) (writer, error) {
		var out writer
		var reads, ends []*os.File
		out.started = func() (err error) {
			for _, r := range reads {
				err = errors.Join(err, r.Close())
			}
			reads = nil
			return err
		}
		out.close = func() (err error) {
			for _, w := range ends {
				err = errors.Join(err, w.Close())
			}
			ends = nil
			return err
		}
		out.end = out.close
		out.write = func(p []byte) error {
			for _, w := range ends {
				if _, err := w.Write(p); err != nil {
					return err
				}
			}
			return nil
		}
		for range followers {
			r, w, err := pipe()
			if err != nil {
				return writer{}, errors.Join(err, out.started(), out.close())
			}
			reads, ends, out.files = append(reads, r), append(ends, w), append(out.files, []*os.File{r})
		}
		return out, nil
	}
}

func followStream(files []*os.File) (follower, error) {
	b := make([]byte, 256<<10)
	return func() ([]byte, error) {
		n, err := files[0].Read(b)
		return b[:n], err
	}, nil
}

// openFile is a file on a tmpfs; its mode says when nothing comes any more.
func openFile(_, followers int) (writer, error) {
	f, err := os.CreateTemp("/dev/shm", "growarena-bench-")
	if err != nil {
		return writer{}, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return writer{}, errors.Join(err, f.Close())
	}
	return writer{
		files: same([]*os.File{f}, followers), started: nothing,
		write: func(p []byte) error { _, err := f.Write(p); return err },
		end:   func() error { return f.Chmod(0o400) },
		close: f.Close,
	}, nil
}

func followFile(files []*os.File) (follower, error) {
	b, off := make([]byte, 256<<10), int64(0)
	return func() ([]byte, error) {
		for {
			ended := false
			if !spin() {
				info, err := files[0].Stat()
				if err != nil {
					return nil, err
				}
				ended = info.Mode().Perm() == 0o400
			}
			n, err := files[0].ReadAt(b, off)
			off += int64(n)
			if n > 0 || err != io.EOF || ended {
				return b[:n], ignoreEOF(n, err)
			}
		}
	}, nil
}

// ignoreEOF leaves io.EOF out where there are bytes.
func ignoreEOF(n int, err error) error {
	if n > 0 && err == io.EOF {
		return nil
	}
	return err
}
