//go:build !unix

package addrspace

import (
	"errors"
	"testing"
)

func TestSpace_Unsupported(t *testing.T) {
	for _, s := range []*Space{Default(), New(Options{}), New(Options{Zones: []Range{{1 << 24, 1 << 26}}})} {
		if _, err := s.Reserve(1, ReserveOptions{}); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, ErrNoSpace) {
			t.Errorf("%v", err)
		}
		if s.Lookup(1<<24) != nil || s.Trim() != nil || s.Stats().Windows != 0 {
			t.Error("a Space without windows has some")
		}
	}
}
