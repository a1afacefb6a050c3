package mapping

import "strings"

// Rungs is a set of steps of the growth ladder; package arena documents it.
type Rungs uint8

// The rungs, cheapest first.
const (
	RungInWindow Rungs = 1 << iota // within the window
	RungExtend                     // make the window longer in place
	RungRehome                     // move the page tables to a bigger window
	RungAlias                      // map the parts again in a bigger window

	AllRungs = RungInWindow | RungExtend | RungRehome | RungAlias
)

var rungNames = []struct {
	rung Rungs
	name string
}{{RungInWindow, "in-window"}, {RungExtend, "extend"}, {RungRehome, "rehome"}, {RungAlias, "alias"}}

// String names the rungs, joined by "+".
func (r Rungs) String() string {
	var names []string
	for _, n := range rungNames {
		if r&n.rung != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, "+")
}

// RungNamed returns the rung of that name, and false if there is none.
func RungNamed(name string) (Rungs, bool) {
	for _, n := range rungNames {
		if n.name == name {
			return n.rung, true
		}
	}
	return 0, false
}

// Growth counts how often each rung was climbed.
type Growth struct {
	InWindow, Extended, Rehomed, Aliased int
}

// count adds one for rung r.
func (g *Growth) count(r Rungs) {
	switch r {
	case RungInWindow:
		g.InWindow++
	case RungExtend:
		g.Extended++
	case RungRehome:
		g.Rehomed++
	case RungAlias:
		g.Aliased++
	}
}
