package fuzz

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// A trace is what a run has done so far, for the error that ends it. Taking it
// down must cost next to nothing.
type trace []step

type step struct {
	op   string
	args [3]int
}

// add takes down an operation and its numbers.
func (t *trace) add(op string, args ...int) {
	s := step{op: op}
	copy(s.args[:], args)
	*t = append(*t, s)
}

// args takes down the numbers of the last operation.
func (t trace) args(args ...int) { copy(t[len(t)-1].args[:], args) }

// String returns the last steps, the latest in the end.
func (t trace) String() string {
	const last = 12
	var b strings.Builder
	if len(t) > last {
		fmt.Fprintf(&b, "%d steps, then ", len(t)-last)
		t = t[len(t)-last:]
	}
	for i, s := range t {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s%v", s.op, s.args)
	}
	return b.String()
}

// protect calls f and makes a panic and a fault, with the stack, errors.
func protect(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			if at, ok := r.(interface{ Addr() uintptr }); ok {
				err = fmt.Errorf("fault at %#x: %w", at.Addr(), err)
			}
		}
	}()
	return f()
}
