//go:build !explorestream

package stream

import (
	"sync"
	"sync/atomic"
)

// word and mutex are what order consists of. Tests of this package are also built with the tag
// explorestream, which puts explore_words_test.go in place of this file: there each use is a
// point where another goroutine may go on.
type (
	word  = atomic.Int64
	mutex = sync.Mutex
)

// turnSpins is how often a publisher looks whether its turn has come: some 200 ns, in
// which who copies a record on another processor is done, and we see it. Longer is for late,
// which costs a lock. With 64 two appenders of 200 bytes took twice as long, with 1024 half as
// long again.
const turnSpins = 256
