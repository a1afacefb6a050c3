//go:build !exploreshm

package shm

import "sync/atomic"

// word32 and word64 are what control page and bell consist of. Tests of this package are also
// built with the tag exploreshm, which puts explore_words_test.go in place of this file: there
// each use is a point where another process may go on.
type (
	word32 = atomic.Uint32
	word64 = atomic.Uint64
)
