package checkpoint

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A writer writes to 1 % of the pages of memory a second, in steps of 10 ms, until it is ended.
type writer struct {
	mu   sync.Mutex // held for a step
	end  chan struct{}
	done sync.WaitGroup
}

func write(b []byte) *writer {
	w := &writer{end: make(chan struct{})}
	w.done.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		each := max(len(b)/pageSize/100/100, 1)
		for {
			select {
			case <-w.end:
				return
			case <-tick.C:
			}
			for range each {
				w.mu.Lock()
				b[r.IntN(len(b))]++
				w.mu.Unlock()
			}
		}
	})
	return w
}

func (w *writer) stop() {
	close(w.end)
	w.done.Wait()
}

// same returns an error unless a and b are the same.
func same(a, b []byte) error {
	if !bytes.Equal(a, b) {
		return errors.New("the copy is not what the buffer was")
	}
	return nil
}

// private maps n bytes of private memory, of small pages or of huge ones, all of which are there.
func private(n int, huge bool) (b []byte, free func(), err error) {
	const extent = 2 << 20
	all, err := unix.Mmap(-1, 0, n+extent, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, err
	}
	advice := unix.MADV_NOHUGEPAGE
	if huge {
		advice = unix.MADV_HUGEPAGE
	}
	_ = unix.Madvise(all, advice) // A kernel without huge pages gives small ones.
	b = all[ahead(all, extent):][:n]
	for i := 0; i < n; i += pageSize {
		b[i] = byte(i >> 12)
	}
	return b, func() { _ = unix.Munmap(all) }, nil
}
