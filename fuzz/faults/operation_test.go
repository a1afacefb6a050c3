//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// operation is a line of the table: a way to use a public function that makes
// system calls.
type operation struct {
	name   string
	covers []string // what of the public interface, as "arena.Arena.Grow"
	thin   bool     // the calls are those of another operation: one at a time fails
	heavy  bool     // its scene takes long to make: a third of the plans
	setup  func(t *testing.T) *scene
}

// scene is an operation ready to be run. Functions that are nil have nothing to
// do.
type scene struct {
	// op runs the operation. It returns nil where it has no way to fail.
	op func() error

	// once says that op cannot be run again after it has succeeded.
	once bool

	// also are errnos that an error may wrap though no system call returned them.
	also []syscall.Errno

	// mend does what it takes, by the documentation, for op to succeed after an
	// error.
	mend func()

	// space is one that has the zone for itself, which is compared with what the
	// kernel says before each check; nil for none.
	space *addrspace.Space

	// print describes all that must be the same after an error as before.
	print func() string

	// check checks what must hold whatever has happened: contents and slices.
	// Done says that op has succeeded the last time it was run.
	check func(t *testing.T, done bool)

	mu     sync.Mutex
	failed []sys.Call // that were made to fail. Protected by mu.

	// close gives back all there is, and checks that it could.
	close func(t *testing.T)
}

// operations is the table.
var operations = slices.Concat(
	addrspaceOperations, arenaOperations, trackOperations, bufferOperations, linearOperations, followOperations, shmOperations, shmGroupOperations, poolOperations, slabOperations, streamOperations,
)

// Bounds on the plans of an operation, of those that are too many to try all. In a short test they
// are few, and other ones from one operation to the next, of which every third is tried; the mutants
// that name one of these tests run the long one.
const (
	errnosMax, errnosMaxShort   = 6, 1 // of a call
	singlesMax, singlesMaxShort = 1 << 20, 1
	pairsMax, pairsMaxShort     = 20, 1
	burstsMax, burstsMaxShort   = 16, 1
)

var planFlag = flag.String("plan", "", "the only plan to try, as its test is named, such as 2=12,5=22...; empty for all")

func TestFaults(t *testing.T) {
	for turn, o := range operations {
		if testing.Short() && *planFlag == "" && turn%3 != 0 {
			continue
		}
		t.Run(o.name, func(t *testing.T) { o.test(t, turn) })
	}
}

// test runs the operation under plans of all kinds. In a short test it is turn that says which
// call fails, and whether two fail or all from one on.
func (o operation) test(t *testing.T, turn int) {
	var calls []sys.Call
	for range 2 { // Features of the kernel are probed when they are first needed, and only then.
		t.Run(plan{}.String(), func(t *testing.T) { calls = o.try(t, plan{}) })
	}
	if *planFlag != "" {
		p, err := parsePlan(*planFlag)
		must(t, err)
		t.Run(p.String(), func(t *testing.T) { o.try(t, p) })
		return
	}
	errnos, singlesMax, pairsMax, burstsMax := errnosMax, singlesMax, pairsMax, burstsMax
	if testing.Short() {
		errnos, singlesMax, pairsMax, burstsMax = errnosMaxShort, singlesMaxShort, pairsMaxShort, burstsMaxShort
		if turn%2 == 0 {
			pairsMax = 0
		} else {
			burstsMax = 0
		}
	} else {
		turn = 0
		if o.heavy {
			errnos, pairsMax, burstsMax = errnosMax/3, pairsMax/3, burstsMax/3
		}
	}
	if len(calls) == 0 {
		t.Error("makes no system call: it belongs into the list of those")
	}
	var runs []tried
	try := func(plans []plan) {
		for _, p := range plans {
			t.Run(p.String(), func(t *testing.T) {
				runs = append(runs, tried{p, o.try(t, p)})
			})
		}
	}
	if !testing.Short() {
		try(denials(calls))
	}
	runs = nil
	try(some(singles(calls, errnos), singlesMax, turn))
	if o.thin {
		return
	}
	single := runs
	try(some(pairs(single), pairsMax, turn))
	try(some(bursts(single), burstsMax, turn))
}

// try runs the operation in a new scene under a plan, and returns the calls it
// made.
func (o operation) try(t *testing.T, p plan) (trace []sys.Call) {
	testutil.NoLeaks(t, trim)
	s := o.setup(t)
	if s.close != nil {
		defer s.close(t)
	}
	before := s.state()
	var err error
	var injected []syscall.Errno
	trace = testutil.Tap(func() { err = s.op() }, func(n int, c sys.Call) syscall.Errno {
		e := p.errno(n, c)
		if e != 0 {
			injected = append(injected, e)
			s.fail(c)
		}
		return e
	})
	defer func() {
		if t.Failed() {
			t.Logf("calls: %v", trace)
		}
	}()
	if err != nil {
		o.checkError(t, err, append(injected, s.also...))
		if after := s.state(); after != before {
			t.Errorf("after %v it is\n%swas\n%s", err, after, before)
		}
		s.verify(t, false)
		if s.mend != nil {
			s.mend()
		}
		if err := s.op(); err != nil {
			t.Fatalf("repeated: %v", err)
		}
	}
	s.verify(t, true)
	if !s.once {
		if err := s.op(); err != nil {
			t.Errorf("once more: %v", err)
		}
		s.verify(t, true)
	}
	return trace
}

// checkError checks that an error says whose it is, and which system call failed.
func (o operation) checkError(t *testing.T, err error, injected []syscall.Errno) {
	t.Helper()
	pkg, _, _ := strings.Cut(o.covers[0], ".")
	if !strings.HasPrefix(err.Error(), pkg+": ") {
		t.Errorf("%q does not begin with the package", err)
	}
	if !slices.ContainsFunc(injected, func(e syscall.Errno) bool { return errors.Is(err, e) }) {
		t.Errorf("%q wraps none of the errnos %v", err, injected)
	}
}

// fail notes that a call of kind c was made to fail.
func (s *scene) fail(c sys.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, c)
}

// hasFailed reports whether a call of one of the kinds was made to fail.
func (s *scene) hasFailed(kinds ...sys.Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.failed, func(c sys.Call) bool { return slices.Contains(kinds, c) })
}

func (s *scene) state() string {
	if s.print == nil {
		return ""
	}
	return s.print()
}

func (s *scene) verify(t *testing.T, done bool) {
	t.Helper()
	if s.space != nil {
		agree(t, s.space, s.hasFailed(sys.CallMprotect))
	}
	if s.check != nil {
		s.check(t, done)
	}
}

// recovered runs f and returns the error it panics with; other panics go on.
func recovered(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if err, ok = r.(error); !ok {
				panic(fmt.Sprint(r))
			}
		}
	}()
	f()
	return nil
}

// firstWord returns the part of an operation's name that is a method's.
func firstWord(name string) string {
	word, _, _ := strings.Cut(name, "/")
	return word
}
