//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestUnsupported: where mmap itself is not to be had, as under a filter of system calls,
// reserving and extending say so in the words of package errors, and nothing is tried
// over and over.
func TestUnsupported(t *testing.T) {
	for _, zones := range [][]addrspace.Range{nil, {zone}, {{Start: 1 << 62, End: 1<<62 + gib}}} {
		testutil.NoLeaks(t, trim)
		s := addrspace.New(addrspace.Options{Seed: 1, Zones: zones})
		w, err := s.Reserve(2*mib, addrspace.ReserveOptions{})
		must(t, err)
		restore := testutil.FailAll(sys.CallMmap, syscall.ENOSYS)
		_, reserveErr := s.Reserve(4*mib, addrspace.ReserveOptions{Min: 2 * mib})
		extendErr := w.Extend(2 * mib)
		restore()
		for _, err := range []error{reserveErr, extendErr} {
			if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, syscall.ENOSYS) {
				t.Errorf("zones %v: %v", zones, err)
			}
		}
		must(t, w.Release())
		closeSpace(t, s)
	}
}
