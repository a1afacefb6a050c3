package shm

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// Files are the descriptors that a follower needs: control file, data and bell, in this
// order. The first two only read. As files[:] they are what exec.Cmd.ExtraFiles takes.
type Files [3]*os.File

const (
	fileControl = iota
	fileData
	fileBell
)

// Conn is a unix socket: a *net.UnixConn, or an *os.File of one.
type Conn interface {
	SyscallConn() (sys.RawConn, error)
}

// Files opens the buffer's files for a follower, in this process or another: for
// exec.Cmd.ExtraFiles, or [Files.Send]. The caller closes them; they outlive the writer. It
// needs /proc: without that a descriptor would write, and hold the writer's lock. The error
// wraps os.ErrClosed after Close.
func (w *Writer) Files() (files Files, err error) {
	if w.closed {
		return Files{}, fmt.Errorf("shm: open the files of %s: %w", w.where(), os.ErrClosed)
	}
	for i, f := range []struct {
		of    *os.File
		write bool
	}{{w.control, false}, {w.data, false}, {w.bell, true}} {
		fd, err := sys.Reopen(fdOf(f.of), f.write)
		if err != nil {
			_ = files.Close()
			return Files{}, fmt.Errorf("shm: open the files of %s: %w: mount /proc, or give the buffer a Dir", w.where(), memfile.ExplainFiles(err))
		}
		files[i] = os.NewFile(uintptr(fd), f.of.Name())
	}
	return files, nil
}

// Inherited returns the files that a process has got as descriptors fd, fd+1 and fd+2. The
// first of exec.Cmd.ExtraFiles is 3.
func Inherited(fd int) Files {
	var files Files
	for i := range files {
		files[i] = os.NewFile(uintptr(fd+i), fmt.Sprintf("descriptor %d", fd+i))
	}
	return files
}

// Send sends the files over a unix socket; the caller still closes his own.
func (f Files) Send(c Conn) error {
	raw, err := c.SyscallConn()
	if err == nil {
		var fds []int
		for _, file := range f {
			fds = append(fds, fdOf(file))
		}
		err = sys.SendFiles(raw, fds)
	}
	if err != nil {
		return fmt.Errorf("shm: send files: %w", err)
	}
	return nil
}

// Receive receives files that [Files.Send] has sent. The error wraps io.EOF where the other
// side has closed the socket.
func Receive(c Conn) (files Files, err error) {
	raw, err := c.SyscallConn()
	var fds []int
	if err == nil {
		fds, err = sys.ReceiveFiles(raw, len(files))
	}
	if err != nil {
		return Files{}, fmt.Errorf("shm: receive files: %w", memfile.ExplainFiles(err))
	}
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), fmt.Sprintf("received descriptor %d", fd))
	}
	return files, nil
}

// Close closes those of the files that there are.
func (f Files) Close() error {
	var errs []error
	for _, file := range f {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}

// fdOf returns the descriptor of a file that this package alone uses, or that lives as long
// as the call: -1 where it is closed.
func fdOf(f *os.File) int {
	fd := -1
	if f == nil {
		return fd
	}
	if conn, err := f.SyscallConn(); err == nil {
		_ = conn.Control(func(number uintptr) { fd = int(number) })
	}
	return fd
}
