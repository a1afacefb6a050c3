package addrspace

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// errTooMany marks a refusal for the number of VMAs, which a smaller window
// would meet as well.
var errTooMany = errors.New("too many mappings")

// readMaxVMAs returns the number of VMAs our windows may be: a half of what the
// process may have. The other half is for the Go heap, thread stacks and
// libraries, which do not ask us.
func (s *Space) readMaxVMAs() int {
	if s.opts.MaxVMAs > 0 {
		return s.opts.MaxVMAs
	}
	return sys.MaxMapCount() / 2
}

// budgetLocked asks for delta VMAs before they are made: it gives cached windows
// back, tries again to give back what is stuck, and reads the setting anew before
// it refuses, so that raising the setting helps a running process. The error is
// an ErrNoSpace.
//
// Preconditions: s.mu is held.
func (s *Space) budgetLocked(delta int) error {
	if delta <= 0 || s.vmas+delta <= s.vmasMax {
		return nil
	}
	s.vmasMax = s.readMaxVMAs()
	var err error
	if s.vmas+delta > s.vmasMax {
		err = s.retryLocked(retriesMax)
	}
	for s.vmas+delta > s.vmasMax && s.cache.oldest != nil {
		err = errors.Join(err, s.evictLocked())
	}
	if s.vmas+delta <= s.vmasMax {
		return nil
	}
	if err != nil { // What there is would be fewer, had the kernel taken it back.
		err = fmt.Errorf("%w (some of them because of: %w)", errTooMany, err)
	} else {
		err = errTooMany
	}
	if s.opts.MaxVMAs > 0 {
		return fmt.Errorf("%w: %w: %d mappings in use, and Options.MaxVMAs is %d",
			ErrNoSpace, err, s.vmas, s.vmasMax)
	}
	count := sys.MaxMapCount()
	return fmt.Errorf("%w: %w: %d mappings in use, and vm.max_map_count is %d, of which windows take at most half: sysctl -w vm.max_map_count=%d",
		ErrNoSpace, err, s.vmas, count, raised(count))
}

// raised is what vm.max_map_count should be made that is too small.
func raised(count int) int { return max(2*count, 1<<20) }

// addressesKept is how much of RLIMIT_AS windows leave alone, at most (of a small
// limit an eighth): the Go runtime ends the process when it cannot reserve for
// its heap (64 MiB at a time) or for the stack of a thread.
const addressesKept = 256 << 20

// addressBudgetLocked asks for n bytes of addresses before they are taken, where
// RLIMIT_AS bounds them. The error is an ErrNoSpace.
//
// Preconditions: s.mu is held.
func (s *Space) addressBudgetLocked(n uintptr) error {
	if s.limitAS == math.MaxUint64 {
		return nil
	}
	kept := keptOf(s.limitAS)
	fits := func() bool {
		used := sys.AddressesUsed()
		if used == 0 { // No /proc.
			return s.hasRoomLocked(n + uintptr(kept))
		}
		return fitsIn(s.limitAS, used+kept, uint64(n))
	}
	if fits() {
		return nil
	}
	s.makeRoomLocked()
	if s.limitAS = sys.LimitAS(); s.limitAS == math.MaxUint64 || fits() {
		return nil
	}
	return fmt.Errorf("%w: %w: RLIMIT_AS is %d bytes, %s of them in use, and %d are left to the Go runtime: raise it (ulimit -v, LimitAS=)",
		ErrNoSpace, sys.NoMemory(), s.limitAS, orUnknown(sys.AddressesUsed()), kept)
}

// keptOf returns how much of a limit on addresses is left to the Go runtime.
func keptOf(limit uint64) uint64 { return min(limit/8, addressesKept) }

// fitsIn reports whether n more fit a limit of which so much is used.
func fitsIn(limit, used, n uint64) bool { return used <= limit && n <= limit-used }

// hasRoomLocked reports whether n bytes of addresses can be had, by taking them for a moment:
// the surest way, but others have less meanwhile. What the Go runtime tells of itself is no
// measure, because it does not count what it has only reserved.
//
// Preconditions: s.mu is held.
func (s *Space) hasRoomLocked(n uintptr) bool {
	n, _ = align.Up(n, s.page)
	at, err := sys.Reserve(0, n)
	if err != nil {
		return false
	}
	s.giveBackLocked(Range{at, at + n})
	return true
}

// orUnknown writes a number that is 0 where the system does not tell.
func orUnknown(n uint64) string {
	if n == 0 {
		return "an unknown number (no /proc)"
	}
	return strconv.FormatUint(n, 10)
}

// refusalLocked finds out why the kernel said no to n bytes with err, which its
// ENOMEM does not tell, and returns the error: with the limit that is the likely
// cause, its value and its use.
func (s *Space) refusalLocked(n uintptr, err error) error {
	if !sys.IsLimit(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	l := limits{addresses: sys.LimitAS(), used: sys.AddressesUsed(), count: sys.MaxMapCount()}
	l.mappings, _ = sys.CountMaps() // unreadable: not the cause then
	return l.refusal(n, err)
}

// limits are those that may be the cause of a refusal.
type limits struct {
	addresses, used uint64 // RLIMIT_AS, and how much of it is in use, 0 if that is not known
	mappings, count int    // and vm.max_map_count
}

// refusal says which of the limits err for n bytes is the likely consequence of.
func (l limits) refusal(n uintptr, err error) error {
	if l.addresses != math.MaxUint64 && (l.used == 0 || !fitsIn(l.addresses, l.used, uint64(n))) {
		return fmt.Errorf("%w: %w: RLIMIT_AS is %d bytes, %s of them in use: raise it (ulimit -v, LimitAS=)",
			ErrNoSpace, err, l.addresses, orUnknown(l.used))
	}
	if l.mappings+2 >= l.count { // munmap of a middle part makes one more, mremap two
		return fmt.Errorf("%w: %w: vm.max_map_count is %d and the process has %d mappings: sysctl -w vm.max_map_count=%d",
			ErrNoSpace, err, l.count, l.mappings, raised(l.count))
	}
	mode, e := os.ReadFile("/proc/sys/vm/overcommit_memory")
	if e != nil {
		mode = []byte("not known")
	}
	return fmt.Errorf("%w: %w: no free range that long (RLIMIT_AS and vm.max_map_count have room, vm.overcommit_memory is %s)",
		ErrNoSpace, err, bytes.TrimSpace(mode))
}
