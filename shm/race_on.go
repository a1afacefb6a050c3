//go:build race

package shm

import "sync/atomic"

// proxy stands for all control pages: the race detector does not see atomics in memory that
// is not the Go heap's, and would report what they order as races.
var proxy atomic.Uint64

// released tells the race detector that something is going to be published.
func released() { proxy.Add(1) }

// acquired tells it that something published was seen.
func acquired() { proxy.Load() }
