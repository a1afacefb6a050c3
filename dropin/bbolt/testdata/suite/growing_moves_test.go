package bbolt

import "github.com/growarena/growarena/arena"

// All of these tests move: without this, most windows would be made longer in place.
func init() { followOptions.Rungs = arena.RungInWindow | arena.RungRehome | arena.RungAlias }
