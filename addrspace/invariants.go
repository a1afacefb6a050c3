package addrspace

import (
	"fmt"

	"github.com/growarena/growarena/internal/invariants"
)

func (s *Space) checkLocked() {
	if invariants.Enabled {
		if s.ops++; s.pl.reg.len() < 128 || s.ops%1024 == 0 {
			s.checkInvariantsLocked()
		}
	}
}

func (s *Space) checkInvariantsLocked() {}

func (w *Window) checkInvariants() {
	if invariants.Enabled && false {
		panic(fmt.Sprint(w))
	}
}
