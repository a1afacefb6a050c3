package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/stream"
)

// Errors that calls of this package wrap.
var (
	// ErrCorrupt means that the control page or the data is not what a writer leaves, not
	// even one that was killed: somebody else has changed them, or they are of another kind.
	ErrCorrupt = errors.New("shared buffer is corrupt")
	// ErrWriterGone means that the writer has ended without Close. What it published stays.
	ErrWriterGone = errors.New("the writer is gone")
	// ErrInUse means that a buffer has a writer already.
	ErrInUse = arena.ErrInUse
	// ErrShared is what calls answer that would take bytes from those who may be reading them.
	ErrShared = arena.ErrShared
	// ErrDropped means that DropFront has passed the offset.
	ErrDropped = stream.ErrDropped
	// ErrRange means that the offset is negative, or beyond what is published.
	ErrRange = stream.ErrRange
)

// What line 0 of a control page says; see FORMAT.md.
const (
	magic      = 0x6e65726177_6f7267 // "growaren" where the lowest byte comes first
	version    = 1
	headerSize = 256

	flagSealed  = 1 << 0 // nobody can make the data shorter; without flagDrops: nor write it anew
	flagOnDisk  = 1 << 1 // the data outlives the system
	flagDrops   = 1 << 2 // what is before the front can be gone
	flagsKnown  = flagSealed | flagOnDisk | flagDrops
	lockedByte  = 0 // of the control file: locked by the writer as long as it lives
	watchedByte = 0 // of the bell: locked by the follower that looks after the writer
)

// State is what a buffer's writer says of itself. That it is dead it cannot say: see
// [Follower.Alive].
type State uint32

// The states, in the order in which a generation goes through them.
const (
	StateInit   State = iota // a writer is beginning
	StateLive                // it publishes
	StateClosed              // it has ended in good order
)

// String names the state.
func (s State) String() string {
	switch s {
	case StateInit:
		return "init"
	case StateLive:
		return "live"
	case StateClosed:
		return "closed"
	}
	return fmt.Sprintf("state %d", uint32(s))
}

// origin is what line 0 says.
type origin struct {
	id    [2]uint64
	flags uint32
}

// snapshot is what line 1 says at one moment.
type snapshot struct {
	seq        uint32
	state      State
	generation uint64
	length     int
	front      int
}

// corrupt returns an ErrCorrupt that says why.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// origin reads line 0, and refuses what this process cannot follow.
func (l *layout) origin() (origin, error) {
	switch m := l.magic.Load(); m {
	case magic:
	case bits.ReverseBytes64(magic):
		return origin{}, corrupt("its control page is of the other byte order: it can be followed on machines like the one it was made on")
	case 0:
		return origin{}, corrupt("its control page is empty")
	default:
		return origin{}, corrupt("this is no control page: it begins with %#x", m)
	}
	if v := l.version.Load(); v != version {
		return origin{}, corrupt("its control page is of version %d, and this program knows %d: build both with the same library", v, version)
	}
	if n := l.header.Load(); n != headerSize {
		return origin{}, corrupt("its header has %d bytes, want %d", n, headerSize)
	}
	if n := l.page.Load(); n != uint32(os.Getpagesize()) {
		return origin{}, corrupt("it was made where a page has %d bytes, and here it has %d", n, os.Getpagesize())
	}
	o := origin{flags: l.flags.Load(), id: [2]uint64{l.id[0].Load(), l.id[1].Load()}}
	if o.flags&^flagsKnown != 0 {
		return origin{}, corrupt("its flags are %#x, of which %#x are unknown", o.flags, o.flags&^flagsKnown)
	}
	return o, nil
}

// ofThisBoot reports whether the last writer began since the system was started, as far as
// that can be known.
func (l *layout) ofThisBoot() bool {
	boot := thisBoot()
	return boot == [2]uint64{} || boot == [2]uint64{l.boot[0].Load(), l.boot[1].Load()}
}

// thisBoot is the number of this start of the system.
var thisBoot = sync.OnceValue(func() [2]uint64 { return idOf(sys.BootID()) })

// guarded calls f, and makes an ErrCorrupt of a fault where somebody can make the file
// shorter that it looks at: of one that the kernel has met as well.
func guarded(space *addrspace.Space, sealed bool, f func() error) error {
	err := caught(space, sealed, f)
	var fault *arena.FaultError
	if errors.As(err, &fault) || !sealed && errors.Is(err, sys.EFAULT) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// caught calls f, by arena.CatchFault where nothing is sealed: a file can be made shorter
// there, and its file system can be full.
func caught(space *addrspace.Space, sealed bool, f func() error) error {
	if sealed {
		return f()
	}
	return arena.CatchFault(space, f)
}

// idOf makes two words of a random number.
func idOf(b [16]byte) [2]uint64 {
	return [2]uint64{binary.NativeEndian.Uint64(b[:8]), binary.NativeEndian.Uint64(b[8:])}
}
