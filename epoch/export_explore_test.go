//go:build explore

package epoch

// Under the tag explore the stress tests yield before one in so many atomic
// operations. Not before each: then goroutines take turns, in one order.
func init() { yieldOneIn = 16 }
