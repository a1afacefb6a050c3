//go:build !portable

package sys

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const mapsFile = "/proc/self/maps"

// mapsLineMax is more than the longest line of /proc/self/maps: a path of PATH_MAX
// bytes, each of which may be written as four, and what stands before it.
const mapsLineMax = 20 << 10

// Maps calls f for every VMA of the process in order of address until f returns
// false. The process may change meanwhile: what f sees is no snapshot.
func Maps(f func(VMA) bool) error {
	fd, err := openMaps()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var buf [mapsLineMax]byte // One read returns a page at most.
	var parser mapsParser
	for have := 0; ; {
		n, err := readMaps(fd, buf[have:])
		if err != nil || n == 0 {
			return err
		}
		rest := buf[:have+n]
		for {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			if v, ok := parser.parse(line); ok && !f(v) {
				return nil
			}
			rest = after
		}
		if have = copy(buf[:], rest); have == len(buf) {
			return os.NewSyscallError("read", unix.E2BIG)
		}
	}
}

// CountMaps returns how many VMAs the process has. It allocates next to nothing,
// for use when there can be no more: the Go runtime ends the process if it has to
// ask for memory then.
func CountMaps() (n int, err error) {
	fd, err := openMaps()
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var buf [4 << 10]byte
	for {
		got, err := readMaps(fd, buf[:])
		if err != nil || got == 0 {
			return n, err
		}
		n += bytes.Count(buf[:got], []byte("\n"))
	}
}

// openMaps opens the list of VMAs: not as an os.File, which makes the runtime set up
// what it needs to wait for files.
func openMaps() (fd int, err error) {
	for {
		fd, err = unix.Open(mapsFile, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, os.NewSyscallError("open", err)
		}
	}
}

func readMaps(fd int, b []byte) (n int, err error) {
	for {
		n, err = unix.Read(fd, b)
		if !errors.Is(err, unix.EINTR) {
			return n, os.NewSyscallError("read", err)
		}
	}
}

// mapsParser parses lines. It makes no string twice in a row.
type mapsParser struct{ perms, path string }

// parse reads "start-end perms offset dev inode path" (proc_pid_maps(5)).
func (p *mapsParser) parse(line []byte) (v VMA, ok bool) {
	start, line, ok1 := cutHex(line, '-')
	end, line, ok2 := cutHex(line, ' ')
	perms, line, ok3 := bytes.Cut(line, []byte(" "))
	off, line, ok4 := cutHex(line, ' ')
	major, line, ok5 := cutHex(line, ':')
	minor, line, ok6 := cutHex(line, ' ')
	digits, line, _ := bytes.Cut(line, []byte(" "))
	inode := uint64(0)
	for _, d := range digits {
		inode = 10*inode + uint64(d-'0')
	}
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return VMA{}, false
	}
	path := bytes.TrimLeft(line, " ")
	if string(perms) != p.perms {
		p.perms = string(perms)
	}
	if len(path) > 0 && string(path) != p.path {
		p.path = string(path)
	}
	file := FileID{Device: unix.Mkdev(uint32(major), uint32(minor)), Inode: inode}
	v = VMA{File: file, Start: uintptr(start), End: uintptr(end), Perms: p.perms, Offset: int64(off)}
	if len(path) > 0 {
		v.Path = p.path
	}
	return v, true
}

// cutHex reads a hexadecimal number that ends with sep, and returns what is behind.
func cutHex(b []byte, sep byte) (n uint64, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return n, b[i+1:], c == sep && i > 0
		}
	}
	return 0, nil, false
}
