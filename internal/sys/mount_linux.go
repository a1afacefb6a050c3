//go:build !portable

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Tmpfs makes a tmpfs that is attached to no directory, with options as mount(8) has them, each a
// key and a value. The descriptor, closed on exec, is its root: as long as it is open, names can be
// reached through it.
func Tmpfs(options ...[2]string) (fd int, err error) {
	context := -1
	err = retry(CallFsopen, func() (err error) {
		context, err = unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
		return err
	})
	if err != nil {
		return -1, err
	}
	defer Close(context)
	for _, o := range options {
		err := retry(CallFsconfig, func() error { return unix.FsconfigSetString(context, o[0], o[1]) })
		if err != nil {
			return -1, &OptionError{Option: o[0] + "=" + o[1], Err: err}
		}
	}
	if err := retry(CallFscreate, func() error { return unix.FsconfigCreate(context) }); err != nil {
		return -1, err
	}
	err = retry(CallFsmount, func() (err error) {
		fd, err = unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
		return err
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// Attach attaches a mount that Tmpfs made to a directory.
func Attach(fd int, dir string) error {
	err := retry(CallMoveMount, func() error {
		return unix.MoveMount(fd, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}
