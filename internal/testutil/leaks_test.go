package testutil

import (
	"math/bits"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// TestIsWindow: what is left of a Go heap's reservation is nobody's leak, wherever the heap
// is, and a window is one in every zone of every machine.
func TestIsWindow(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("32-bit processes have no zones")
	}
	const low, high = 0xc0 << 32, 0x1861 << 32
	for _, tt := range []struct {
		arch       string
		heap       uint64
		start, end uint64
		perms      string
		path       string
		want       bool
	}{
		// As they were seen: what the runtime has reserved of the last 64 MiB and not used.
		{"arm64", 0x769b<<32 + 0x18400000, 0x769b<<32 + 0x1b000000, 0x769b<<32 + 0x1c000000, "---p", "", false},
		{"s390x", 0x647f<<32 + 0x74000000, 0x647f<<32 + 0x76800000, 0x647f<<32 + 0x78000000, "---p", "", false},
		{"s390x", 0x5b32<<32 + 0x44000000, 0x5b32<<32 + 0x45400000, 0x5b32<<32 + 0x48000000, "---p", "[anon: Go: heap reservation]", false},

		// Windows, in the zones of each machine.
		{"amd64", 0x3fff << 32, 0x5720 << 32, 0x5720<<32 + 2<<20, "---p", "", true},
		{"amd64", low, 0x4800 << 32, 0x4800<<32 + 4096, "---p", "", true},
		{"amd64", low, 1 << 53, 1<<53 + 2<<20, "---p", "", true},
		{"arm64", high, 0x4800 << 32, 0x4800<<32 + 2<<20, "---p", "", true},
		{"arm64", high, 0x9000 << 32, 0x9000<<32 + 2<<20, "---p", "", true},
		{"arm64", high, 0xd000 << 32, 0xd000<<32 + 2<<20, "---p", "", true},
		{"s390x", high, 0x46750 << 32, 0x46750<<32 + 2<<20, "---p", "", true},
		{"arm64", 0x769b << 32, 0x4800 << 32, 0x4800<<32 + 1<<30, "---p", "", true}, // Long.
		{"arm64", 0x4800 << 32, 0x4800 << 32, 0x4800<<32 + 1<<30, "---p", "", true}, // Too long for a heap's rest.
		{"riscv64", high, 0x10 << 32, 0x10<<32 + 2<<20, "rw-s", "/memfd:growarena (deleted)", true},
		{"riscv64", high, 0x10 << 32, 0x10<<32 + 2<<20, "---p", "[anon:growarena: x]", true},

		// Others'.
		{"amd64", low, 0x5720 << 32, 0x5720<<32 + 2<<20, "rw-p", "", false},
		{"amd64", low, 0x7ffd << 32, 0x7ffd<<32 + 4096, "---p", "", false},    // a thread's guard
		{"arm64", high, 0xfff0 << 32, 0xfff0<<32 + 4096, "---p", "", false},   // the same
		{"amd64", low, 0x9000 << 32, 0x9000<<32 + 2<<20, "---p", "", false},   // no such address
		{"amd64", low, 1<<64 - 1<<24, 1<<64 - 1<<23, "---p", "", false},       // the kernel's
		{"s390x", high, 0x3ff << 32, 0x3ff<<32 + 4096, "---p", "", false},     // its mmap begins at 2^42
		{"amd64", low, 0x1000 << 32, 0x1000<<32 + 64<<20, "---p", "", false},  // where a heap may be
		{"arm64", high, 0x1000 << 32, 0x1000<<32 + 64<<20, "---p", "", false}, // the same
	} {
		v := sys.VMA{Start: uintptr(tt.start), End: uintptr(tt.end), Perms: tt.perms, Path: tt.path}
		if got := isWindow(v, tt.arch, tt.heap); got != tt.want {
			t.Errorf("%s, heap at %#x: %x-%x %s %q: %v", tt.arch, tt.heap, v.Start, v.End, v.Perms, v.Path, got)
		}
	}
}
