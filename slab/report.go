package slab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// why says who freed what was at p, if that is kept.
func (d *debug) why(p uintptr) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r, ok := d.freed[p]; ok {
		return fmt.Sprintf("free already: %d bytes, allocated by%v\nfreed by%v", r.n, r.allocated, r.released)
	}
	r, ok := d.live[p]
	switch {
	case r.isRetired:
		return fmt.Sprintf("retired already: %d bytes, allocated by%v\nretired by%v", r.n, r.allocated, r.released)
	case ok:
		return fmt.Sprintf("the object there has a capacity of %d bytes, allocated by%v", r.n, r.allocated)
	}
	return ""
}

// leaksShown is how many stacks a report of leaks shows.
const leaksShown = 10

// leaks returns an error that says who allocated what is in use, those with most
// bytes first, or nil.
func (d *debug) leaks() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	type sum struct {
		by             stack
		objects, bytes int
	}
	sums := make(map[stack]*sum)
	for _, r := range d.live {
		s := sums[r.allocated]
		if s == nil {
			s = &sum{by: r.allocated}
			sums[r.allocated] = s
		}
		s.objects++
		s.bytes += r.n
	}
	if len(sums) == 0 {
		return nil
	}
	var all []*sum
	for _, s := range sums {
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y *sum) int { return y.bytes - x.bytes })
	var b strings.Builder
	for _, s := range all[:min(len(all), leaksShown)] {
		fmt.Fprintf(&b, "%d objects of %d bytes, allocated by%v\n", s.objects, s.bytes, s.by)
	}
	if len(all) > leaksShown {
		fmt.Fprintf(&b, "and %d stacks more\n", len(all)-leaksShown)
	}
	return errors.New(strings.TrimSuffix(b.String(), "\n"))
}
