package bench

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Run makes go benchmarks of experiments: experiment=…/impl=…/ and what the case
// says of size=…, g=… and n=…, ready for benchstat. Each iteration does the case
// once; reported are the medians of the sample's metrics, of which ns/op, where
// there is one, takes the place of the time of an iteration. Peak memory is not
// reported: the process is shared.
func Run(b *testing.B, experiments ...Experiment) {
	for _, e := range experiments {
		e.Child = false
		for _, of := range e.Cases {
			for _, c := range e.Contenders {
				b.Run(fmt.Sprintf("experiment=%s/impl=%s%s", e.Name, word(c.Name), caseName(of)), func(b *testing.B) {
					if why := c.Why(of); why != "" {
						b.Skip(why)
					}
					if c.Run == nil {
						b.Skipf("needs a program built otherwise: %s", c.Build.Name)
					}
					values := map[string][]float64{}
					for b.Loop() {
						if err := e.Warm(of); err != nil {
							b.Fatal(err)
						}
						s, err := Do(e, c, of)
						if err != nil {
							b.Fatal(err)
						}
						for metric, v := range s.Values {
							values[metric] = append(values[metric], v)
						}
						if s.Latencies != nil {
							values["p99.9-ns"] = append(values["p99.9-ns"], float64(s.Latencies.ValueAtQuantile(99.9)))
						}
					}
					for _, metric := range slices.Sorted(maps.Keys(values)) {
						b.ReportMetric(Median(values[metric]), word(metric))
					}
				})
			}
		}
	}
}

// caseName returns what a benchmark's name says of a case.
func caseName(c Case) string {
	var s strings.Builder
	if c.Size != 0 {
		s.WriteString("/size=" + strconv.FormatInt(c.Size, 10))
	}
	if c.Goroutines != 0 {
		s.WriteString("/g=" + strconv.Itoa(c.Goroutines))
	}
	if c.Count != 0 {
		s.WriteString("/n=" + strconv.Itoa(c.Count))
	}
	if s.Len() == 0 {
		return "/case=" + word(c.Label)
	}
	return s.String()
}

// word makes one word of a name: go test and benchstat split at spaces, and
// names of benchmarks at slashes.
func word(name string) string {
	name = strings.ReplaceAll(name, "ns/op", "ns\x00op")
	name = strings.NewReplacer(",", "", " ", "-", "/", "-").Replace(name)
	return strings.ReplaceAll(name, "\x00", "/")
}

// Smoke checks experiments: names are there once, and each contender does each
// case, made smaller by small, and has the metrics that are compared and shown.
func Smoke(t *testing.T, small func(Case) Case, experiments ...Experiment) {
	for _, e := range experiments {
		t.Run(e.Name, func(t *testing.T) {
			if e.Title == "" || e.Work == "" || e.Metric == "" || e.Rounds < 1 || len(e.Cases) == 0 {
				t.Errorf("%+v: something is missing", e)
			}
			labels, names := map[string]bool{}, map[string]bool{}
			for _, of := range e.Cases {
				if labels[of.Label] || of.Label == "" {
					t.Errorf("label %q: missing, or there twice", of.Label)
				}
				labels[of.Label] = true
			}
			given := map[string]bool{"peak-rss-bytes": true} // only where each sample has a process
			done := map[Case]bool{}
			for _, c := range e.Contenders {
				if names[c.Name] || c.Name == "" {
					t.Errorf("contender %q: missing, or there twice", c.Name)
				}
				names[c.Name] = true
				if (c.Run == nil) != (c.Cannot != "") && c.Build == nil {
					t.Errorf("contender %q must have either Run or Cannot", c.Name)
				}
				clear(done)
				for _, of := range e.Cases {
					of = small(of)
					of.Label = ""
					if c.Run == nil || done[of] || c.Why(of) != "" {
						continue
					}
					done[of] = true
					t.Run(word(c.Name)+caseName(of), func(t *testing.T) {
						s, err := Do(e, c, of)
						if err != nil {
							t.Fatal(err)
						}
						for metric := range s.Values {
							given[metric] = true
						}
						for metric := range quantiles {
							given[metric] = given[metric] || s.Latencies != nil
						}
					})
				}
			}
			for _, metric := range e.Columns {
				if !given[metric] && !t.Failed() {
					t.Errorf("nobody gives %s, which is a column", metric)
				}
			}
		})
	}
}
