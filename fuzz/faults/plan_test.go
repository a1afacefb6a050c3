//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// A plan says which system calls of an operation fail. The zero plan is none.
type plan struct {
	faults []fault // by call

	// denied is what all calls of one kind fail with, as where a system or a filter does not
	// have it; 0 for none.
	denied syscall.Errno
	kind   sys.Call
}

// fault is the failure of some calls in a row.
type fault struct {
	call  int           // number of the first, from 0
	calls int           // how many fail
	errno syscall.Errno // of the first; the others fail with what is likeliest
}

// forever is a number of calls that no operation makes.
const forever = 1 << 30

// String names the plan as a test is named.
func (p plan) String() string {
	if p.denied != 0 {
		return fmt.Sprintf("all %s %d=%d", p.kind, p.kind, p.denied)
	}
	if len(p.faults) == 0 {
		return "none"
	}
	var parts []string
	for _, f := range p.faults {
		part := fmt.Sprintf("%d=%d", f.call, f.errno)
		switch {
		case f.calls == forever:
			part += "..."
		case f.calls > 1:
			part += fmt.Sprintf("x%d", f.calls)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// parsePlan returns the plan that is named so.
func parsePlan(name string) (p plan, err error) {
	for part := range strings.SplitSeq(name, ",") {
		call, what, _ := strings.Cut(part, "=")
		f := fault{calls: 1}
		rest, always := strings.CutSuffix(what, "...")
		errno, calls, several := strings.Cut(rest, "x")
		var errs [3]error
		f.call, errs[0] = strconv.Atoi(call)
		n, err := strconv.Atoi(errno)
		f.errno, errs[1] = syscall.Errno(n), err
		switch {
		case always:
			f.calls = forever
		case several:
			f.calls, errs[2] = strconv.Atoi(calls)
		}
		if err := errors.Join(errs[:]...); err != nil {
			return plan{}, fmt.Errorf("plan %q: %w", name, err)
		}
		p.faults = append(p.faults, f)
	}
	return p, nil
}

// TestParsePlan: a plan is found by its name.
func TestParsePlan(t *testing.T) {
	for _, want := range []plan{
		{faults: []fault{{2, 1, syscall.ENOMEM}}},
		{faults: []fault{{2, 1, syscall.ENOMEM}, {5, forever, syscall.EINVAL}}},
		{faults: []fault{{0, 3, syscall.EEXIST}}},
	} {
		if got, err := parsePlan(want.String()); err != nil || !slices.Equal(got.faults, want.faults) {
			t.Errorf("%v is parsed as %v, %v", want, got, err)
		}
	}
	for _, name := range []string{"", "2", "x=1", "2=y", "2=12xz"} {
		if p, err := parsePlan(name); err == nil {
			t.Errorf("%q is parsed as %v", name, p)
		}
	}
}

// errno returns what call number n, of kind c, fails with, or 0 if it does not.
// Where helpers and reapers make calls too it may be of another kind than in the
// dry run, and fails with what it can then.
func (p plan) errno(n int, c sys.Call) syscall.Errno {
	if p.denied != 0 && c == p.kind {
		return p.denied
	}
	errnos := testutil.Errnos(c)
	for _, f := range p.faults {
		switch {
		case n < f.call || n-f.call >= f.calls || len(errnos) == 0:
		case n == f.call && slices.Contains(errnos, f.errno):
			return f.errno
		default:
			return errnos[0]
		}
	}
	return 0
}

// tried is what came of trying an operation under a plan.
type tried struct {
	plan  plan
	calls []sys.Call // that it made
}

// singles returns the plans in which one of the calls fails.
func singles(calls []sys.Call, errnos int) (plans []plan) {
	for i, c := range calls {
		for k, e := range testutil.Errnos(c) {
			if k < errnos {
				plans = append(plans, plan{faults: []fault{{i, 1, e}}})
			}
		}
	}
	return plans
}

// denials returns the plans in which all calls of a kind are denied, each time, as
// gVisor, other file systems, old kernels and seccomp filters do.
func denials(calls []sys.Call) (plans []plan) {
	kinds := slices.Compact(slices.Sorted(slices.Values(calls)))
	for _, c := range kinds {
		switch c {
		case sys.CallMmap, sys.CallMunmap, sys.CallFstat, sys.CallClose, sys.CallDup, sys.CallFtruncate, sys.CallMprotect:
			continue // Nothing works without.
		}
		for _, e := range []syscall.Errno{syscall.EOPNOTSUPP, syscall.EINVAL, syscall.EPERM} {
			plans = append(plans, plan{denied: e, kind: c})
		}
	}
	return plans
}

// pairs returns the plans in which, after what failed in one of the runs, a later
// call fails as well.
func pairs(runs []tried) (plans []plan) {
	for _, r := range runs {
		for i := r.plan.last() + 1; i < len(r.calls); i++ {
			// The number of the pair chooses among the errnos.
			if errnos := testutil.Errnos(r.calls[i]); len(errnos) > 0 {
				second := fault{i, 1, errnos[len(plans)%len(errnos)]}
				plans = append(plans, plan{faults: append(slices.Clone(r.plan.faults), second)})
			}
		}
	}
	return plans
}

// bursts returns the plans in which what failed in one of the runs fails together
// with two calls more, or with all that follow.
func bursts(runs []tried) (plans []plan) {
	for _, r := range runs {
		first := r.plan.faults[0]
		for _, n := range []int{3, forever} {
			plans = append(plans, plan{faults: []fault{{first.call, n, first.errno}}})
		}
	}
	return plans
}

// last returns the number of the last call that is planned to fail.
func (p plan) last() int {
	f := p.faults[len(p.faults)-1]
	return f.call + f.calls - 1
}

// some returns n of the plans, from number turn on, or all if there are no more: always
// the same ones, evenly spread.
func some(plans []plan, n, turn int) []plan {
	if len(plans) <= n {
		return plans
	}
	chosen := make([]plan, n)
	for i := range chosen {
		chosen[i] = plans[(turn+i*len(plans)/n)%len(plans)]
	}
	return chosen
}
