//go:build !race

package testutil

// Race says that the race detector is on: it takes more addresses than any limit
// leaves, and many times as long.
const Race = false
