package pool

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/arena"
)

// TestPool_SettlesFirst uses, ends and closes a buffer for which a goroutine prepares
// memory: that is told to stop, and the buffer stays where it is until it has.
func TestPool_SettlesFirst(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	const n = 20 << 20 // longer than a band
	for name, end := range map[string]func(p *Pool, b []byte) error{
		"grows":     func(p *Pool, b []byte) error { _, err := p.Grow(b, n+1); return err },
		"shrinks":   func(p *Pool, b []byte) error { p.Shrink(b, n-1); return nil },
		"goes":      func(p *Pool, b []byte) error { p.Free(b); return nil },
		"is closed": func(p *Pool, _ []byte) error { _ = p.Close(); return nil }, // Says that it is in use.
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(Options{HugePages: arena.HugeNever}) // Prepares nothing by itself.
			if err != nil {
				t.Fatal(err)
			}
			b, err := p.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			m := p.moved[addressOf(b)]
			w := &preparing{ended: make(chan struct{})}
			m.preparing = w
			var late atomic.Bool         // nobody has told it
			said := make(chan string, 1) // by the goroutine, what is wrong when it is told to stop
			go func() {
				for !w.stop.Load() {
					runtime.Gosched()
				}
				p.mu.Lock()
				what := ""
				if !p.closed && (!m.busy || m.length != n) {
					what = fmt.Sprintf("busy is %t, and it has %d bytes", m.busy, m.length)
				}
				p.mu.Unlock()
				if what == "" && !late.Load() {
					b[n-1]++ // It is still mapped.
				}
				said <- what
				close(w.ended)
			}()
			if err := end(p, b); err != nil {
				t.Error(err)
			}
			late.Store(!w.stop.Load())
			if !w.stop.Swap(true) {
				t.Error("nobody has told the goroutine to stop")
			} else if what := <-said; what != "" {
				t.Error("before the goroutine has ended: " + what)
			}
			<-w.ended
			if name == "is closed" {
				return
			}
			if name != "goes" {
				p.Free(b)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
