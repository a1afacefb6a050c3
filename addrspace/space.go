package addrspace

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
)

// Returned, wrapped, by the methods that take addresses.
var (
	// ErrNoSpace means that the address space or a limit of the system has no
	// room for what was asked. The error around it says which, and what to change.
	ErrNoSpace = errors.New("no address space")
)

// Options configures a [Space]. The zero value is what most programs want.
type Options struct {
	// Seed of the placement, for tests that repeat it; 0 takes a random one.
	Seed uint64

	// AddressBits is the number of bits of the addresses windows may have, of
	// which the zones are derived: 39, 42, 47, 48, 52, 57. More than 48 opts in
	// to five-level page tables; where the CPU has none, the other zones serve.
	// 0 finds out.
	AddressBits int

	// Zones replaces the parts of the address space where windows lie.
	Zones []Range

	// MaxVMAs is how many kernel mappings (VMAs) the windows may be, all
	// together; 0 means a half of vm.max_map_count. At that setting itself
	// the Go runtime cannot grow its heap and ends the process.
	MaxVMAs int

	// CacheBytes and CacheWindows bound the released windows that are kept to be
	// handed out again without a system call; 0 means a default, less than
	// 0 none.
	CacheBytes, CacheWindows int
}

// Space reserves windows and knows all of them. Its zero value is ready to use;
// it must not be copied after that. All methods are safe for concurrent use.
//
// Lock order: Window.mu, of two windows the lower address first; Space.mu;
// registry.mu. System calls are made under the first two. Lookup and All take only
// the last, which is never held for one. What takes long, dropping the page tables
// of large mapped parts, happens under Window.mu alone.
//
// Invariants:
//
//	I1: the tree and the list of the registry hold the same places, in order.
//	I2: places are disjoint, and any two of ours have a guard between them.
//	I3: the counters are what the places say.
//	I4: the cache holds exactly the cached places and is within its bounds.
//	I5: a place has a window if and only if it is live, with the same range.
type Space struct {
	opts Options // Immutable after New.

	// mu is held for each change of who has which addresses, system calls
	// included. It comes after Window.mu and before registry.mu.
	mu sync.Mutex

	ready     bool     // initLocked ran. Protected by mu.
	pl        placer   // Protected by mu; its registry has rules of its own.
	cache     cache    // Protected by mu.
	stuck     []*place // released, not taken back by the kernel. Protected by mu.
	vmas      int      // VMAs of all our places. Protected by mu.
	vmasMax   int      // refuse beyond. Protected by mu.
	nameless  bool     // the kernel knows no VMA names. Protected by mu.
	stats     Stats    // what it counts and some of what it holds. Protected by mu.
	unchecked int      // operations since the invariants were checked. Protected by mu.
	page      uintptr  // page size. Immutable after initLocked.
	limitAS   uint64   // RLIMIT_AS when last read. Protected by mu.
	floor     uintptr  // no window below, wherever it comes from. Immutable after initLocked.

	mapped atomic.Int64 // bytes mapped in all windows. Changed with a Window.mu held (atomic).
}

// New returns a Space with its own windows, placement and cache. It makes no system
// call, which is left to the first Reserve. It panics if MaxVMAs is negative, if
// AddressBits is neither 0 nor from 36 to 57, or if one of Zones is empty or two
// overlap.
func New(o Options) *Space {
	o.check()
	return &Space{opts: o}
}

// check panics if the options contradict themselves.
func (o *Options) check() {
	if o.MaxVMAs < 0 || o.AddressBits != 0 && (o.AddressBits < 36 || o.AddressBits > 57) {
		panic(fmt.Sprintf("addrspace: make a Space: MaxVMAs is %d, want 0 or more; AddressBits is %d, want 0 or 36 to 57", o.MaxVMAs, o.AddressBits))
	}
	for i, z := range o.Zones {
		if z.Start >= z.End {
			panic(fmt.Sprintf("addrspace: make a Space: zone %d, %v, is empty", i, z))
		}
		for _, other := range o.Zones[:i] {
			if z.Overlaps(other) {
				panic(fmt.Sprintf("addrspace: make a Space: zones %v and %v overlap", other, z))
			}
		}
	}
}

// std is what Default returns.
var std Space

// Default returns the Space of the process: the one to share where nothing
// speaks for another, because two Spaces are strangers to each other.
func Default() *Space { return &std }

// initLocked makes the zero Space ready, when its first window is asked for:
// only then are the zones tried, with two system calls each.
//
// Preconditions: s.mu is held.
func (s *Space) initLocked() {
	if s.ready {
		return
	}
	s.ready = true
	s.page = uintptr(os.Getpagesize())
	s.limitAS = sys.LimitAS()
	seed := s.opts.Seed
	if seed == 0 {
		var b [8]byte
		crand.Read(b[:]) // never fails (crypto/rand)
		seed = binary.LittleEndian.Uint64(b[:])
	}
	zones := s.zones()
	if s.opts.Zones == nil {
		for i, z := range zones {
			if i == 0 || z.Start < s.floor {
				s.floor = z.Start
			}
		}
	}
	s.pl.init(zones, rand.New(rand.NewPCG(seed, seed)))
	s.cache.init(s.opts, s.pl.total)
	s.vmasMax = s.readMaxVMAs()
	if s != &std { // Which is known.
		census.Mention(s)
	}
}

// Lookup returns the window that addr lies in, or nil if it is in none: foreign,
// free, or of a window that was released. It never waits for a system call.
func (s *Space) Lookup(addr uintptr) *Window {
	s.pl.reg.mu.RLock()
	defer s.pl.reg.mu.RUnlock()
	if p := s.pl.reg.at(addr); p != nil {
		return p.w.Load()
	}
	return nil
}

// Places reports whether addr lies where s places windows, and nobody else puts anything
// unless asked to: a fault there is a use of a window that was released. Among 32 bits
// the kernel chooses where windows go, and there is no such place.
func (s *Space) Places(addr uintptr) bool {
	s.pl.reg.mu.RLock()
	defer s.pl.reg.mu.RUnlock()
	return s.pl.zoneOf(addr) != nil
}

// All returns the windows in order of address. The loop's body may use the
// Space; windows reserved or released meanwhile may be seen or not.
func (s *Space) All() iter.Seq[*Window] {
	return func(yield func(*Window) bool) {
		// No lock is held while the body runs; the next search starts where the
		// last window ended.
		for at := uintptr(0); ; {
			var w *Window
			s.pl.reg.mu.RLock()
			p := s.pl.reg.first(at)
			for ; p != nil && w == nil; p = p.next {
				w, at = p.w.Load(), p.end
			}
			s.pl.reg.mu.RUnlock()
			if w == nil || !yield(w) {
				return
			}
		}
	}
}

// zones returns the zones that exist here, out of the options or of this
// machine's. The first number of address bits for which any zone is alive is
// this machine's; asking the kernel is surer than reading /proc/cpuinfo, and
// right under emulators too.
//
// Preconditions: s.mu is held; s.page is set.
func (s *Space) zones() []zone {
	if len(s.opts.Zones) > 0 {
		var zones []zone
		for _, r := range s.opts.Zones {
			zones = append(zones, zone{Range: r})
		}
		return s.alive(zones)
	}
	if sys.Portable {
		return nil // No place can be asked for.
	}
	numbers := bitsHere(runtime.GOARCH)
	if s.opts.AddressBits != 0 {
		numbers = append([]int{s.opts.AddressBits}, numbers...)
	}
	for _, b := range numbers {
		if zones := s.alive(zonesOf(runtime.GOARCH, b, uint64(heapAddress()), raceEnabled)); len(zones) > 0 {
			return zones
		}
	}
	return nil
}

// alive returns the zones whose top page can be had or is taken by somebody: so
// far reaches the address space. Beyond it mmap answers ENOMEM to
// MAP_FIXED_NOREPLACE. A limit of the process gives the same answer, so ENOMEM
// counts only if a page elsewhere can be had; else nothing is known, and the
// zone stays.
func (s *Space) alive(zones []zone) []zone {
	var found []zone
	for _, z := range zones {
		top := z.End - s.page
		_, err := sys.Reserve(top, s.page)
		switch {
		case err == nil:
			s.giveBackLocked(Range{top, z.End})
		case errors.Is(err, sys.EEXIST):
		case sys.IsLimit(err):
			at, err := sys.Reserve(0, s.page)
			if err == nil {
				s.giveBackLocked(Range{at, at + s.page})
				continue
			}
		}
		found = append(found, z)
	}
	return found
}
