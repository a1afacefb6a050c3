//go:build !portable && !(386 || arm || mips || mipsle)

package arena

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// TestAdopt_Places: where pages move to and come from is aligned as the memory is, so that page tables move as a whole: those of 2 MiB,
// and of a GiB if there is one and addresses for it.
func TestAdopt_Places(t *testing.T) {
	page := uintptr(os.Getpagesize())
	for name, tt := range map[string]struct {
		start, n  uintptr
		fails     bool // the first, larger reservation
		alignment uintptr
	}{
		"small":        {0x7f1234567000, 3*extentSize + page, false, extentSize},
		"a GiB":        {0x7f1234567000, 1<<30 + page, false, 1 << 30},
		"at a GiB":     {0x7f1200000000, 1 << 30, false, 1 << 30},
		"no addresses": {0x7f1234567000, 1 << 30, true, extentSize},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := NewArena(Options{Headroom: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Free()
			if err := a.Grow(int(tt.n)); err != nil {
				t.Fatal(err)
			}
			m := &adopting{arena: a, from: dirty.Range{Start: tt.start, End: tt.start + tt.n}}
			failed := false
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				if c == sys.CallMmap && tt.fails && !failed {
					failed = true
					return syscall.ENOMEM
				}
				return 0
			})
			free, err := m.places()
			restore()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []dirty.Range{m.aside, m.copied} {
				if (r.Start-tt.start)%tt.alignment != 0 || r.End-r.Start != tt.n {
					t.Errorf("for %v there is %v, which is not aligned alike to %#x", m.from, r, tt.alignment)
				}
			}
			if m.copied.Start < m.aside.End {
				t.Errorf("%v and %v overlap", m.aside, m.copied)
			}
			free()
			if err := sys.IsMapped(m.copied.Start, tt.n); !errors.Is(err, sys.ENOMEM) {
				t.Errorf("it is mapped on: %v", err)
			}
		})
	}
}
