package bbolt

import "github.com/growarena/growarena/arena"

// All of these tests move: without this, most windows would be made longer in place.
func init() { followOptions.Rungs = arena.RungInWindow | arena.RungRehome | arena.RungAlias }

// GrowingLimit makes it an error for databases that are opened to map more than n bytes, until the function
// that it returns is called.
func GrowingLimit(n int) (restore func()) {
	before := followOptions.Limit
	followOptions.Limit = n
	return func() { followOptions.Limit = before }
}
