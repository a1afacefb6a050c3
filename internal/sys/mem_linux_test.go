//go:build !portable

package sys

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReserve_OldKernel: kernels before 4.17 take MAP_FIXED_NOREPLACE for
// nothing and the address for a hint. What they answer with is somewhere else,
// which is found out and undone.
func TestReserve_OldKernel(t *testing.T) {
	const n = 16 << 20
	at, err := Reserve(0, n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := Unmap(at, n); err != nil {
			t.Error(err)
		}
	}()
	for name, flag := range map[string]int{"new": unix.MAP_FIXED_NOREPLACE, "old": 0} {
		t.Run(name, func(t *testing.T) {
			defer func(flag int) { noReplace = flag }(noReplace)
			noReplace = flag
			before := AddressesUsed()
			if got, err := Reserve(at, n); !errors.Is(err, EEXIST) {
				t.Errorf("%#x, which is taken: %#x, %v", at, got, err)
			}
			// Another goroutine of the runtime may have mapped something.
			if after := AddressesUsed(); after >= before+n {
				t.Errorf("%d bytes of addresses more in use", after-before)
			}
		})
	}
}
