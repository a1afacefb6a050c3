package stream

import (
	"context"
	"fmt"
	"io"
)

// Wait waits until Len is above off: nil then, at once if it is, also after Close, and also
// where off has been dropped: Pin and Bytes tell. While nobody waits that costs an append one
// load. Otherwise it returns io.EOF where that will never be: CloseWrite was
// called and Len ends at off or before; an error that wraps ErrClosed after Close, or ctx's
// error if ctx ends before.
func (s *sequence) Wait(ctx context.Context, off int64) error {
	if s.Len() > off {
		return nil
	}
	return s.waitSlow(ctx, off)
}

// waitSlow is Wait where there is something to wait for.
func (s *sequence) waitSlow(ctx context.Context, off int64) error {
	reached := make(chan struct{})
	// No number is math.MaxInt64, which has no next one.
	c := s.order.whenPublished(max(off, off+1), func() { close(reached) })
	defer s.order.forget(c)
	ended := s.ended
	for {
		select {
		case <-reached:
			return nil
		case <-ended:
			if off >= s.last {
				return s.endError(off)
			}
			ended = nil // What is under way comes to off.
		case <-s.gone:
			if s.Len() > off {
				return nil
			}
			return fmt.Errorf("stream: wait for %d of %q: %w", off, s.name, ErrClosed)
		case <-ctx.Done():
			if s.Len() > off {
				return nil
			}
			return fmt.Errorf("stream: wait for %d of %q, which ends at %d: %w", off, s.name, s.Len(), ctx.Err())
		}
	}
}

// endError is why nothing comes at off.
func (s *sequence) endError(off int64) error {
	select {
	case <-s.gone:
		return fmt.Errorf("stream: wait for %d of %q: %w", off, s.name, ErrClosed)
	default:
		return io.EOF
	}
}
