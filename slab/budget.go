package slab

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrLimit means that Options.Limit does not allow it.
var ErrLimit = errors.New("allocator's limit reached")

// budget counts the bytes of spans and large objects against the limit.
type budget struct {
	limit   int64 // Immutable after New; 0 for none.
	charged atomic.Int64
}

// charge counts n bytes.
func (b *budget) charge(n int) error {
	if b.limit == 0 {
		b.charged.Add(int64(n))
		return nil
	}
	for {
		now := b.charged.Load()
		if int64(n) > b.limit-now {
			return fmt.Errorf("%w: %d of %d bytes are in use", ErrLimit, now, b.limit)
		}
		if b.charged.CompareAndSwap(now, now+int64(n)) {
			return nil
		}
	}
}

// refund ends that n bytes count.
func (b *budget) refund(n int) { b.charged.Add(-int64(n)) }
