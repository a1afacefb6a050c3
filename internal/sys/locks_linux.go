//go:build !portable

package sys

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Lock takes a lock on the whole file of fd, against everybody who asks, that ends with
// Unlock or with the last descriptor made from the same opening (F_OFD_SETLK). The error
// is EAGAIN if somebody has one.
func Lock(fd int) error { return lock(fd, unix.F_WRLCK) }

// Unlock gives back what Lock took.
func Unlock(fd int) error { return lock(fd, unix.F_UNLCK) }

func lock(fd int, kind int16) error {
	return retry(CallLock, func() error {
		return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind})
	})
}

// LockByte is Lock of one byte, which may lie beyond the end of the file.
func LockByte(fd int, off int64) error {
	return retry(CallLock, func() error {
		return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: off, Len: 1})
	})
}

// UnlockByte gives back what LockByte took.
func UnlockByte(fd int, off int64) error {
	return retry(CallLock, func() error {
		return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Start: off, Len: 1})
	})
}

// ByteLocked reports whether another opening than that of fd, which may be for reading alone,
// has a write lock on a byte. It takes none itself.
func ByteLocked(fd int, off int64) (bool, error) {
	ask := unix.Flock_t{Type: unix.F_RDLCK, Start: off, Len: 1}
	err := retry(CallAskLock, func() error {
		return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &ask)
	})
	return ask.Type != unix.F_UNLCK, err
}

// lockSearchMax bounds how many descriptors LockHolder looks at.
const lockSearchMax = 1 << 16

// LockHolder says which process holds a lock on a file, as far as /proc tells us: those
// of others it may hide. F_OFD_GETLK does not know it: such a lock belongs to whoever has
// a descriptor of the opening.
func LockHolder(id FileID) string {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return ""
	}
	looked := 0
	for _, p := range processes {
		if p.Name()[0] < '0' || p.Name()[0] > '9' {
			continue
		}
		dir := "/proc/" + p.Name()
		files, err := os.ReadDir(dir + "/fd")
		if err != nil {
			continue
		}
		for _, f := range files {
			if looked++; looked > lockSearchMax {
				return ""
			}
			var st unix.Stat_t
			if unix.Stat(dir+"/fd/"+f.Name(), &st) != nil || idOf(&st) != id || !hasLock(dir+"/fdinfo/"+f.Name()) {
				continue
			}
			name, _ := os.ReadFile(dir + "/comm")
			return fmt.Sprintf("process %s (%s), descriptor %s", p.Name(), strings.TrimSpace(string(name)), f.Name())
		}
	}
	return ""
}

// hasLock reports whether the opening that path describes (proc_pid_fdinfo(5)) has a lock.
func hasLock(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "lock:") {
			return true
		}
	}
	return false
}
