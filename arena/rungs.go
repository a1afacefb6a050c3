package arena

import (
	"fmt"

	"github.com/growarena/growarena/internal/mapping"
)

// Rungs is a set of steps of the growth ladder; see the package comment. The
// zero value stands for all that the kernel offers. String names them, joined by "+".
type Rungs = mapping.Rungs

// The rungs, cheapest first.
const (
	RungInWindow = mapping.RungInWindow // make the file longer within the window
	RungExtend   = mapping.RungExtend   // make the window longer in place
	RungRehome   = mapping.RungRehome   // move the page tables to a bigger window
	RungAlias    = mapping.RungAlias    // map the file again in a bigger window
)

// ParseRung returns the rung of that name: in-window, extend, rehome or alias.
func ParseRung(name string) (Rungs, error) {
	if r, ok := mapping.RungNamed(name); ok {
		return r, nil
	}
	return 0, fmt.Errorf("arena: no rung named %q: want in-window, extend, rehome or alias", name)
}
