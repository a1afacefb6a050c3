package align

import (
	"math"
	"testing"
)

func TestUp(t *testing.T) {
	tests := map[string]struct {
		n, to, want int
		ok          bool
	}{
		"zero":              {0, 4096, 0, true},
		"one":               {1, 4096, 4096, true},
		"exact":             {4096, 4096, 4096, true},
		"one past":          {4097, 4096, 8192, true},
		"largest that fits": {math.MaxInt - 4095, 4096, math.MaxInt - 4095, true},
		"overflow":          {math.MaxInt - 4094, 4096, math.MinInt, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := Up(tt.n, tt.to)
			if got != tt.want || ok != tt.ok {
				t.Errorf("Up(%d, %d) = %d, %v; want %d, %v", tt.n, tt.to, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestDownAndIs(t *testing.T) {
	for _, n := range []uintptr{0, 1, 4095, 4096, 4097, 1 << 30} {
		d := Down(n, 4096)
		if d > n || n-d >= 4096 || !Is(d, 4096) {
			t.Errorf("Down(%d) = %d", n, d)
		}
	}
}

func TestIsPow2(t *testing.T) {
	for n := -2; n < 1<<12; n++ {
		want := n == 1 || n == 2 || n == 4 || n == 8 || n == 16 || n == 32 || n == 64 ||
			n == 128 || n == 256 || n == 512 || n == 1024 || n == 2048
		if IsPow2(n) != want {
			t.Errorf("IsPow2(%d) = %v", n, !want)
		}
	}
}
