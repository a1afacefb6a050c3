//go:build unix && (!linux || portable) && !freebsd && !aix && !heapbacked

package sys

import "golang.org/x/sys/unix"

// noReserve has a mapping count for what is touched of it.
const noReserve = unix.MAP_NORESERVE
