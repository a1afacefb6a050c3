package epoch

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"time"

	"github.com/growarena/growarena/internal/census"
)

// The errors a Domain's methods wrap.
var (
	// ErrClosed: the Domain was closed; there is nothing left to pin or
	// publish.
	ErrClosed = errors.New("domain closed")

	// ErrRetired: too many retired bytes wait for pinned versions; see
	// Options.MaxRetired. The text says who pins them.
	ErrRetired = errors.New("limit of retired bytes reached")

	// ErrPinned: the Domain was closed, and the last guard is not unpinned yet.
	// The text says which are left.
	ErrPinned = errors.New("guards still pinned")
)

// Options configure a Domain. The zero value works.
type Options struct {
	// Name appears in errors and reports. "" means "domain".
	Name string

	// MaxRetired limits the bytes that are retired and whose Free has not
	// been called; 0 means no limit. A single retirement above it is always
	// refused. Bytes are what Retired says: an arena counts the addresses of its
	// window, which take no memory of their own.
	MaxRetired int64

	// StallAfter is the age after which a pin that keeps something retired
	// from being freed counts as stalled. 0 means one second.
	StallAfter time.Duration

	// OnStall, if set, is called once for each stalled pin, and with
	// Debug once for each lost guard. It runs on the goroutine that frees, or
	// for a lost guard on the runtime's for cleanups, with nothing locked; it
	// may call the Domain, but nothing is freed there until it returns.
	OnStall func(Stall)

	// Trace makes every pin record its stack, for reports. Otherwise pins
	// start to do so when the first stall is reported. A recorded pin costs
	// some twenty times as much and allocates.
	Trace bool

	// Debug implies Trace, reports guards that were garbage collected
	// without Unpin, and lets Guard.Value panic for a guard that was unpinned
	// through a copy. Every pin allocates.
	Debug bool

	// Profile enters every pin into the profile "growarena.pins" of package
	// runtime/pprof until it ends, so that go tool pprof shows who holds pins.
	// Implies Trace. Every pin allocates, and takes a lock of the process.
	Profile bool

	// Slots is the least size of the first slot table. 0 means eight per
	// processor and at least 64.
	Slots int
}

// stallAfterDefault is longer than the scheduler keeps a pinned goroutine from
// running on a busy machine, short enough to be noticed.
const stallAfterDefault = time.Second

// A Domain is an independent scope of published versions, the guards that pin
// them, and what was retired from them. Its methods may be called by any
// number of goroutines. A Domain must not be copied.
//
// The slots cost 8 KiB and more, so very many small owners share one Domain.
type Domain struct {
	// What every Pin reads, and nobody writes but Publish.

	cur    atomicPointer[view] // the newest version; nil when closed. Written under mu, read by anyone (atomic).
	slots  []slot              // the first table. Immutable after NewDomain; the words are atomic.
	mask   uint64              // len(slots)-1. Immutable after NewDomain.
	shift  uint64              // brings the good bits of a hash to the mask. Immutable after NewDomain.
	traced atomicUint32        // 1 when pins record their stacks. Set once, read by anyone (atomic).
	debug  bool                // Options.Debug. Immutable after NewDomain.
	leases bool                // Guards have leases: Options.Debug or Profile. Immutable after NewDomain.
	_      [64]byte

	// The countdown, which every Unpin reads; see collect.go.

	want     atomicInt64  // unpins still to come before the next scan; 0: none counted. Written by scans and unpins (atomic).
	maxDeath atomicUint64 // unpins of versions below it count. Written under mu, read by unpins (atomic).
	_        [64]byte

	over   atomicPointer[tableList] // overflow tables; nil until one was needed. Written by pins (atomic).
	traces traceArray               // who pinned in the first table; see trace.go.
	wake   event                    // wakes the reaper. Immutable after NewDomain.
	opts   Options                  // Immutable after NewDomain.
	closeE error                    // what Pin returns when closed. Immutable after NewDomain.

	// mu is the only lock. It is never held while a Free or a callback runs, and
	// nothing else is locked under it.
	mu mutex
	retirees
	reaping bool       // a reaper goroutine exists. Protected by mu.
	closed  bool       // Close or Shutdown was called. Protected by mu.
	version uint64     // the newest version, or that of the end when closed. Protected by mu.
	room    *gate      // opened when Publish may have room; nil when nobody waits. Protected by mu.
	waits   []*barrier // Barrier calls under way. Protected by mu.
	pins    []pinned   // what the last scan saw, in slot order. Protected by mu.
	prev    []pinned   // what the scan before it saw; memory for the next. Protected by mu.
	seen    []uint64   // the versions in pins, sorted, each once. Protected by mu.
	locals  []*Local   // by number, nil where one was closed. Protected by mu.
	scans   uint64     // scans made. Protected by mu.
	marks   []int      // scratch of noteLocked. Protected by mu.
	lost    []Stall    // lost guards, oldest first. Protected by mu.
}

// A view is a published version with its value. Immutable once published.
type view struct {
	value   any
	version uint64
	lease   *lease // non-nil in the copy that a guard of a Debug or Profile domain holds
}

// NewDomain returns a Domain that has published version 1 with the value nil.
// A Domain needs no Close if nothing is retired in it. It panics if an option is
// negative.
func NewDomain(opts Options) *Domain {
	if opts.Name == "" {
		opts.Name = "domain"
	}
	if opts.MaxRetired < 0 || opts.StallAfter < 0 || opts.Slots < 0 {
		panic(fmt.Sprintf("epoch: make %q: MaxRetired is %d, StallAfter %v, Slots %d, want 0 or more",
			opts.Name, opts.MaxRetired, opts.StallAfter, opts.Slots))
	}
	if opts.StallAfter == 0 {
		opts.StallAfter = stallAfterDefault
	}
	n := opts.Slots
	if n == 0 {
		n = max(slotsMin, slotsPerProc*runtime.GOMAXPROCS(0))
	}
	log := bits.Len(uint(n - 1)) // round up to a power of two
	d := &Domain{
		slots:   newSlots(1 << log),
		mask:    1<<log - 1,
		shift:   uint64(64 - log),
		debug:   opts.Debug,
		leases:  opts.Debug || opts.Profile,
		wake:    newEvent(),
		opts:    opts,
		closeE:  fmt.Errorf("epoch: %q: %w", opts.Name, ErrClosed),
		version: 1,
	}
	if opts.Trace || opts.Debug || opts.Profile {
		d.traced.Store(1)
	}
	d.cur.Store(&view{version: 1})
	census.Mention(d)
	return d
}

// Value returns the newest published value, nil if there is none or the Domain
// is closed. Without a guard nothing keeps what it contains from being freed.
func (d *Domain) Value() any {
	if v := d.cur.Load(); v != nil {
		return v.value
	}
	return nil
}

// Read calls f with the newest published value, pinned until f returns, and
// returns f's error. It returns ErrClosed, without calling f, if the Domain is
// closed. The value must not be used after f has returned.
func (d *Domain) Read(f func(value any) error) error {
	g, err := d.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	return f(g.Value())
}
