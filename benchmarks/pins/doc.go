// Package pins measures what it costs a reader to make sure that what it reads
// stays: pinning a version and unpinning it, and moving a pin that is held on to
// the newest one, beside the locks and counters that are used for it otherwise.
package pins
