package bench

import (
	"fmt"
	"runtime/debug"
)

// Do has contender c do the case once, in this process, and measures around it
// what the process knows. A panic is an error.
func Do(e Experiment, c Contender, of Case) (s Sample, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s, %s, %s: panic: %v\n%s", e.Name, c.Name, of.Label, p, debug.Stack())
		}
	}()
	debug.FreeOSMemory() // what the one before has left is not this one's to clear
	faults, rss := Faults(), RSS()
	s, err = c.Run(of)
	faults = Faults() - faults
	if err != nil {
		return Sample{}, fmt.Errorf("%s, %s, %s: %w", e.Name, c.Name, of.Label, err)
	}
	if s.Values == nil {
		s.Values = map[string]float64{}
	}
	give := func(metric string, v float64) {
		if _, ok := s.Values[metric]; !ok {
			s.Values[metric] = v
		}
	}
	give("faults", float64(faults))
	if e.Child {
		give("peak-rss-bytes", float64(PeakRSS()-rss))
	}
	if _, ok := s.Values[e.Metric]; !ok {
		return Sample{}, fmt.Errorf("%s, %s, %s: the sample has no %s", e.Name, c.Name, of.Label, e.Metric)
	}
	return s, nil
}
