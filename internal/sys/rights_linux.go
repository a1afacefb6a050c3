//go:build !portable

package sys

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// RawConn is what a connection gives access to its descriptor with.
type RawConn = syscall.RawConn

// errNotFiles is what came over a socket instead of descriptors.
var errNotFiles = errors.New("what came over the socket is not what was to come: other descriptors, or other data")

// SendFiles sends descriptors over a unix socket, with one byte.
func SendFiles(c RawConn, fds []int) error {
	rights := unix.UnixRights(fds...)
	var err error
	if e := c.Write(func(fd uintptr) bool {
		err = retry(CallSendmsg, func() error {
			return unix.Sendmsg(int(fd), []byte{0}, rights, nil, unix.MSG_NOSIGNAL)
		})
		return !errors.Is(err, unix.EAGAIN)
	}); e != nil {
		return e
	}
	return err
}

// ReceiveFiles receives n descriptors from a unix socket, closed on exec. Whatever comes
// instead is closed and an error.
func ReceiveFiles(c RawConn, n int) ([]int, error) {
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4*n))
	var got, have, flags int
	var err error
	if e := c.Read(func(fd uintptr) bool {
		err = retry(CallRecvmsg, func() (err error) {
			got, have, flags, _, err = unix.Recvmsg(int(fd), b[:], oob, unix.MSG_CMSG_CLOEXEC)
			return err
		})
		return !errors.Is(err, unix.EAGAIN)
	}); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:have])
	var fds []int
	for _, m := range messages {
		if more, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, more...)
		}
	}
	switch {
	case err != nil:
	case len(fds) == n && flags&unix.MSG_CTRUNC == 0:
		return fds, nil
	case got == 0 && len(fds) == 0:
		err = io.EOF
	case flags&unix.MSG_CTRUNC != 0 && len(fds) < n:
		err = os.NewSyscallError("recvmsg", unix.EMFILE)
	default:
		err = errNotFiles
	}
	for _, fd := range fds {
		_ = Close(fd)
	}
	return nil, err
}
