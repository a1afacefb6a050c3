package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m, func() { _ = addrspace.Default().Trim() })
}

// TestScenarios runs each for a moment.
func TestScenarios(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			var done counts
			if err := repeat(ctx, s, 1, &done); err != nil {
				t.Error(err)
			}
			if n := done.operations.Load(); n < 10 {
				t.Errorf("%d operations", n)
			}
		})
	}
}

// TestIntact: what was not filled, or at another place, or for another seed, is noticed.
func TestIntact(t *testing.T) {
	b := make([]byte, 100)
	fill(b, 1000, 7)
	if err := intact(b[10:], 1010, 7); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another place": intact(b, 1001, 7),
		"another seed":  intact(b, 1000, 8),
		"zeros":         intact(make([]byte, 100), 1000, 7),
	} {
		if err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestRepeat_Fails: an error and a panic of a scenario are its failure.
func TestRepeat_Fails(t *testing.T) {
	for _, f := range []func(){nil, func() { panic("planted") }} {
		s := scenario{"planted", func(context.Context, uint64, *atomic.Int64) error {
			if f != nil {
				f()
			}
			return context.Canceled
		}}
		if err := repeat(t.Context(), s, 1, new(counts)); err == nil {
			t.Error("no failure")
		}
	}
}
