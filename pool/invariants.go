package pool

import (
	"fmt"

	"github.com/growarena/growarena/internal/invariants"
)

// checkLocked panics if an invariant does not hold.
func (p *Pool) checkLocked() {
	if !invariants.Enabled {
		return
	}
	if p.ops++; p.next > 128 && p.ops%1024 != 0 {
		return
	}
	var live, used, free, kept int
	for i := range p.next {
		switch b := p.at(i); b.state {
		case bandLive:
			live, used = live+1, used+int(b.length)
			if b.length > b.high {
				panic(fmt.Sprintf("pool: BUG: band %d of %q: length %d above high %d", i, p.name, b.length, b.high))
			}
		case bandFree:
			free, kept = free+1, kept+p.held(b)
		case bandFresh:
			panic(fmt.Sprintf("pool: BUG: band %d of %q is fresh, %d were used", i, p.name, p.next))
		}
	}
	listed := 0
	for i := p.empty; i != noBand; i = p.at(i).next {
		listed++
	}
	for k := range p.keeps {
		for i := p.keeps[k]; i != noBand; i = p.at(i).next {
			listed++
		}
	}
	if free != listed || kept != p.kept || live > p.live || p.next > p.ready {
		panic(fmt.Sprintf("pool: BUG: %q: %d free bands, %d on lists; %d bytes kept, counted %d; %d live bands of %d buffers; %d of %d used",
			p.name, free, listed, kept, p.kept, live, p.live, p.next, p.ready))
	}
}
