package epoch_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/epoch"
)

// ctx is for waits that must end; a lost wake-up shows as the test's timeout.
var ctx = context.Background()

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestMain fails if goroutines are left once the tests have ended: a reaper
// exists only while something waits.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftGoroutines(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left by the tests:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks of goroutines that run this package's code,
// after having given them time to end.
func leftGoroutines() string {
	var left []string
	for range 1000 {
		left = left[:0]
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		for i, s := range strings.Split(string(buf), "\n\n") {
			if i > 0 && strings.Contains(s, "growarena/epoch.") {
				left = append(left, s)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(5 * time.Millisecond)
	}
	return strings.Join(left, "\n\n")
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for i := 0; !cond(); i++ {
		if i > 10_000 {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// pin returns a guard of d.
func pin(t testing.TB, d *epoch.Domain) epoch.Guard {
	t.Helper()
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// publish publishes value and returns its version.
func publish(t testing.TB, d *epoch.Domain, value any, drop ...epoch.Retired) uint64 {
	t.Helper()
	v, err := d.Publish(value, drop...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// counter counts Frees.
type counter struct{ n atomic.Int64 }

// retired returns a Retired that counts its Free.
func (c *counter) retired(birth uint64, bytes int64) epoch.Retired {
	return epoch.Retired{Birth: birth, Bytes: bytes, Free: func() { c.n.Add(1) }}
}

// wantPanic runs f, which must panic with a text that contains each of parts.
func wantPanic(t *testing.T, f func(), parts ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		text := fmt.Sprint(recover())
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("panic %q, want %q in it", text, p)
			}
		}
	}()
	f()
	t.Errorf("no panic, want one with %q", parts)
}
