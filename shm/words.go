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

// readBefore orders what was read before it, be it with an ordinary load, before the atomic
// loads behind it. A load alone orders only what comes behind it, so there is a store first:
// no load before a store (release) comes behind it, and no load behind it (acquire) before it.
func readBefore() {
	var anything atomic.Uint32
	anything.Store(1)
}
