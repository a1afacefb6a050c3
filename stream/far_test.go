package stream_test

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestFar: offsets, lengths and options for which no sum may overflow.
func TestFar(t *testing.T) {
	if bits.UintSize == 32 {
		t.Skip("no int is so long")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := open(t, stream.Options{Name: "far"})
	for i := range 90 { // Of what is ready select takes any.
		off := []int64{math.MaxInt64, math.MaxInt64 - 1, 1 << 62}[i%3]
		if err := s.Wait(ctx, off); !errors.Is(err, context.Canceled) {
			t.Errorf("wait for %d: %v", off, err)
		}
		if n, err := s.Follow(ctx, off).Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("read at %d: %d, %v", off, n, err)
		}
	}
	var none context.Context
	if text := panics(func() { s.Follow(none, 0) }); !strings.Contains(text, `"far" from 0 without a context`) {
		t.Errorf("panic %q", text)
	}
	for _, n := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt/2 + 1, math.MaxInt / 2, math.MaxInt/2 - 2<<20, math.MaxInt / 4} {
		s := open(t, stream.Options{})
		_, err := s.AppendFunc(n, func([]byte) error { t.Errorf("%d bytes", n); return nil })
		if !errors.Is(err, addrspace.ErrNoSpace) && !errors.Is(err, stream.ErrFull) {
			t.Errorf("%#x bytes: %v", n, err)
		}
		must(s.Append([]byte("x")))
	}
	least := 256 * mib
	if testutil.HeapBacked {
		least = 64 * mib
	}
	for name, o := range map[string]stream.Options{
		"Limit":   {Limit: math.MaxInt},
		"half":    {Limit: math.MaxInt/2 + 1},
		"Reserve": {Reserve: math.MaxInt},
		"both":    {Limit: math.MaxInt, Reserve: math.MaxInt},
	} {
		s := open(t, o)
		must(s.Append([]byte("x")))
		if st := s.Stats(); st.Window < least {
			t.Errorf("%s: a window of %d MiB", name, st.Window>>20)
		}
	}
}

// TestStream_WaitAfterClose: what was there is no error to wait for; reading it is.
func TestStream_WaitAfterClose(t *testing.T) {
	s := must(stream.New(stream.Options{}))
	must(s.Append([]byte("x")))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if err := s.Wait(t.Context(), 1); !errors.Is(err, stream.ErrClosed) {
		t.Error(err)
	}
	if n, err := s.Follow(t.Context(), 0).Read(make([]byte, 1)); n != 0 || !errors.Is(err, stream.ErrClosed) {
		t.Errorf("%d, %v", n, err)
	}
}

// TestNewGroup_Panics: columns of a group that could not be made are free for another.
func TestNewGroup_Panics(t *testing.T) {
	var a, b stream.Column[int64]
	var bad stream.Column[*int]
	for name, columns := range map[string][]stream.AnyColumn{"pointers": {&a, &b, &bad}, "twice": {&a, &b, &a}} {
		if text := panics(func() { _, _ = stream.NewGroup(stream.Options{}, columns...) }); text == "" {
			t.Errorf("%s: no panic", name)
		}
	}
	if err := must(stream.NewGroup(stream.Options{}, &a, &b)).Close(); err != nil {
		t.Error(err)
	}
}
