package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// MountOptions say how to make a [Mount]. The zero value works.
type MountOptions struct {
	// Size is how many bytes the file system takes at most; 0 means half of the machine's
	// memory. More is ENOSPC.
	Size int

	// Mode says who may make and see names in it: 0 means 0700, its owner alone.
	Mode fs.FileMode

	// UID and GID own it; 0 means the caller's.
	UID, GID int

	// Huge says where its files have huge pages: "never", "always", "within_size" or "advise";
	// see tmpfs(5). "" leaves it to the kernel, which means never.
	Huge string
}

// check panics if the options are none.
func (o *MountOptions) check() {
	switch {
	case o.Size < 0 || o.UID < 0 || o.GID < 0:
		panic(fmt.Sprintf("shm: NewMount: Size is %d, UID %d, GID %d: want none below 0", o.Size, o.UID, o.GID))
	case o.Mode&^fs.ModePerm != 0:
		panic(fmt.Sprintf("shm: NewMount: Mode is %v, want permission bits alone", o.Mode))
	case !slices.Contains([]string{"", "never", "always", "within_size", "advise"}, o.Huge):
		panic(fmt.Sprintf("shm: NewMount: Huge is %q, want never, always, within_size or advise", o.Huge))
	}
}

// list returns the options as mount(8) has them.
func (o *MountOptions) list() (list [][2]string) {
	add := func(key string, set bool, value string) {
		if set {
			list = append(list, [2]string{key, value})
		}
	}
	mode := o.Mode
	if mode == 0 {
		mode = 0o700
	}
	add("size", o.Size != 0, strconv.Itoa(o.Size))
	add("mode", true, fmt.Sprintf("%04o", uint32(mode)))
	add("uid", o.UID != 0, strconv.Itoa(o.UID))
	add("gid", o.GID != 0, strconv.Itoa(o.GID))
	add("huge", o.Huge != "", o.Huge)
	return list
}

// fstab returns the line of /etc/fstab that mounts the same at a directory.
func (o MountOptions) fstab(dir string) string {
	if o.UID == 0 {
		o.UID = os.Getuid()
	}
	if o.GID == 0 {
		o.GID = os.Getgid()
	}
	line := "tmpfs " + dir + " tmpfs nosuid,nodev,noexec"
	for _, option := range o.list() {
		line += "," + option[0] + "=" + option[1]
	}
	return line + " 0 0"
}

// Mount is a tmpfs of one's own, with a size, an owner and huge pages of its own, for buffers
// that have names. It is attached to no directory, so nobody finds it who is not given it, and
// it goes by itself when nobody has it any more. Its methods may be called concurrently, but for
// Close.
type Mount struct {
	file *os.File
}

// NewMount makes a tmpfs. That is for root, also root of a user namespace that has a mount
// namespace of its own, from Linux 5.2 on; for others the error has the line of /etc/fstab to ask
// an administrator for. It needs /proc. Panics if the options are none.
func NewMount(opts MountOptions) (*Mount, error) {
	opts.check()
	fd, err := sys.Tmpfs(append([][2]string{{"source", "growarena"}}, opts.list()...)...)
	if err != nil {
		return nil, fmt.Errorf("shm: mount a tmpfs: %w", opts.explain(err))
	}
	m := &Mount{os.NewFile(uintptr(fd), "tmpfs")}
	if _, err := sys.IDOf(m.Dir()); err != nil {
		_ = m.file.Close()
		return nil, fmt.Errorf("shm: mount a tmpfs: %s: %w: mount /proc, by which names in it are reached", m.Dir(), err)
	}
	return m, nil
}

// explain adds what to change to an error of NewMount.
func (o *MountOptions) explain(err error) error {
	var option *sys.OptionError
	switch {
	case errors.As(err, &option) && strings.HasPrefix(option.Option, "huge="):
		return fmt.Errorf("%w: the kernel has no huge pages for a tmpfs: leave Huge empty", err)
	case errors.As(err, &option):
		return fmt.Errorf("%w: the kernel refuses this option (in a user namespace, users and groups that it does not know)", err)
	case sys.IsDenied(err) || errors.Is(err, sys.ENODEV):
		const dir = "/dev/shm/growarena"
		return fmt.Errorf("%w: it takes root, or a user namespace, and Linux 5.2; else ask an administrator for a directory %s and this line in /etc/fstab, and set Options.Dir to it:\n%s", err, dir, o.fstab(dir))
	}
	return memfile.ExplainFiles(err)
}

// Dir is the mount's directory for this process, until Close: for [Options].Dir, [Open],
// [TakeOver], [List] and [Remove], and for all that takes the path of a directory.
func (m *Mount) Dir() string { return fmt.Sprintf("/proc/self/fd/%d", fdOf(m.file)) }

// File is the mount's descriptor, for exec.Cmd.ExtraFiles or a unix socket: who has it as
// descriptor n has the directory as /proc/self/fd/n. It is closed with the mount.
func (m *Mount) File() *os.File { return m.file }

// Attach attaches the mount to a directory, where all find it whom its mode lets in. It stays
// there also after Close, until somebody unmounts it.
func (m *Mount) Attach(dir string) error {
	if err := sys.Attach(fdOf(m.file), dir); err != nil {
		if sys.IsDenied(err) {
			err = fmt.Errorf("%w: want a directory, root of its mount namespace, and a mount that is not attached yet", err)
		}
		return fmt.Errorf("shm: attach a mount: %w", err)
	}
	return nil
}

// Close gives the mount up. Unless it is attached its names are gone when all who were given
// its descriptor have closed it; buffers go on for those who have them open, but cannot be
// removed by name: close writers first. Panics if the mount is closed.
func (m *Mount) Close() error {
	err := m.file.Close()
	if errors.Is(err, os.ErrClosed) {
		panic("shm: Close of a Mount that is closed")
	}
	if err != nil {
		return fmt.Errorf("shm: close a mount: %w", err)
	}
	return nil
}
