package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sync"
)

// ErrCheck means that the arena does not hold what was read, or that the readers
// did not count what is there.
var ErrCheck = errors.New("self-check failed")

// hashStep is how much is hashed between two looks at whether to stop: some
// milliseconds of work.
const hashStep = 8 << 20

// check compares b, all of the arena, with what r says of the stream. Each of
// the two things it does, hashing and counting, is done by one goroutine. The
// first tells progress, unless that is nil, how far it is.
func check(ctx context.Context, b []byte, re *regexp.Regexp, r *Result, progress func(n, of int)) error {
	stop := func() bool { return ctx.Err() != nil }
	hash := sha256.New()
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := b; len(rest) > 0 && !stop(); {
			n := min(len(rest), hashStep)
			hash.Write(rest[:n])
			rest = rest[n:]
			if progress != nil {
				progress(n, len(b))
			}
		}
	})
	t := recount(re, b, stop)
	wg.Wait()
	if stop() {
		return ctx.Err()
	}

	var errs []error
	differ := func(what string, arena, stream any) {
		if arena != stream {
			errs = append(errs, fmt.Errorf("%w: %s", ErrCheck, fmt.Sprintf(what, arena, stream)))
		}
	}
	differ("the arena holds %v bytes, the stream had %v", len(b), r.Bytes)
	differ("SHA-256 of the arena is %v, of the stream %v", hex.EncodeToString(hash.Sum(nil)), r.SHA256)
	differ("a single-threaded count finds %v lines, the readers found %v", t.lines, r.Lines)
	differ("a single-threaded count finds %v matching lines, the readers found %v", t.matches, r.Matches)
	return errors.Join(errs...)
}
