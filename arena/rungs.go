package arena

import (
	"fmt"
	"strings"
)

// Rungs is a set of steps of the growth ladder; see the package comment. The
// zero value stands for all that the kernel offers.
type Rungs uint8

// The rungs, cheapest first.
const (
	RungInWindow Rungs = 1 << iota // make the file longer within the window
	RungExtend                     // make the window longer in place
	RungRehome                     // move the page tables to a bigger window
	RungAlias                      // map the file again in a bigger window

	allRungs = RungInWindow | RungExtend | RungRehome | RungAlias
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

// ParseRung returns the rung of that name: in-window, extend, rehome or alias.
func ParseRung(name string) (Rungs, error) {
	for _, n := range rungNames {
		if n.name == name {
			return n.rung, nil
		}
	}
	return 0, fmt.Errorf("arena: no rung named %q: want in-window, extend, rehome or alias", name)
}
