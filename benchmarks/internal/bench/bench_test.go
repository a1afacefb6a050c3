package bench

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
)

// results has ours and two peers with two rounds of two sizes each.
func results() *Results {
	e := Experiment{
		Name: "e", Metric: "ns/op", Axis: "size",
		Cases:      []Case{{Label: "10", Size: 10}, {Label: "1000", Size: 1000}},
		Contenders: []Contender{{Name: "ours", Ours: true}, {Name: "slow"}, {Name: "fast"}, {Name: "c", Context: true}},
	}
	r := NewResults(e)
	for name, values := range map[string][2][]float64{
		"ours": {{1, 1, 2, 3, 3}, {20, 20, 20, 20, 20}}, "slow": {{40, 40, 40, 40, 40}, {400, 400, 400, 400, 400}},
		"fast": {{8, 8, 10, 12, 12}, {80, 100, 100, 100, 125}}, "c": {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}},
	} {
		for i, of := range e.Cases {
			for _, v := range values[i] {
				cell := r.Cell(name, of.Label)
				cell.Samples = append(cell.Samples, Sample{Values: map[string]float64{"ns/op": v}})
			}
		}
	}
	return r
}

func TestGoal(t *testing.T) {
	for _, test := range []struct {
		name  string
		goal  Goal
		ratio float64
		peer  string
		want  Outcome
	}{
		{"the best peer counts, the worst case decides", Goal{Rule: RatioAtMost, Limit: 0.25, Ours: "ours"}, 0.2, "fast", Met},
		{"within the interval", Goal{Rule: RatioAtMost, Limit: 0.19, Ours: "ours"}, 0.2, "fast", Noise},
		{"below the interval", Goal{Rule: RatioAtMost, Limit: 0.12, Ours: "ours"}, 0.2, "fast", Missed},
		{"a peer by name", Goal{Rule: RatioAtMost, Limit: 0.05, Ours: "ours", Peers: []string{"slow"}, Cases: []string{"1000"}}, 0.05, "slow", Met},
		{"factor", Goal{Rule: FactorAtLeast, Limit: 9, Ours: "ours"}, 0.2, "fast", Missed},
		{"context by name", Goal{Rule: RatioAtMost, Limit: 10, Ours: "ours", Peers: []string{"c"}}, 20, "c", Missed},
		{"at most", Goal{Rule: AtMost, Limit: 20, Ours: "ours"}, 0.2, "fast", Met},
		{"at least", Goal{Rule: AtLeast, Limit: 3, Ours: "ours"}, 0.2, "fast", Noise},
		{"one case", Goal{Rule: AtLeast, Limit: 3, Ours: "ours", Cases: []string{"1000"}}, 0.2, "fast", Met},
		{"per byte", Goal{Rule: AtMost, Limit: 0.2, Ours: "ours", Per: func(c Case, v float64) float64 { return v / float64(c.Size) }}, 0.2, "fast", Noise},
		{"flat", Goal{Rule: FlatAtMost, Limit: 0.1, Ours: "ours"}, 0.5, "", Missed},
	} {
		v := test.goal.Check(results())
		if v.Err != nil || math.Abs(v.Ratio-test.ratio) > 1e-9 || v.BestPeerName != test.peer || v.Outcome != test.want {
			t.Errorf("%s: ratio %v in %v of %q, %v, %v; want %v of %q, %v", test.name, v.Ratio, v.Interval, v.BestPeerName, v.Outcome, v.Err, test.ratio, test.peer, test.want)
		}
	}
	if v := (Goal{Rule: RatioAtMost, Ours: "ours", Cases: []string{"10"}}).Check(results()); v.Interval != [2]float64{0.125, 0.25} {
		t.Errorf("interval %v", v.Interval)
	}
	few := results()
	for _, cells := range few.Cells {
		cells["1000"].Samples = cells["1000"].Samples[:decisive-1]
	}
	if v := (Goal{Rule: AtMost, Limit: 100, Ours: "ours", Cases: []string{"1000"}}).Check(few); v.Err != nil || v.Outcome != Open || v.Ours != 20 || v.Rounds != 4 {
		t.Errorf("after four rounds: %+v", v)
	}
	if v := (Goal{Rule: AtMost, Limit: 100, Ours: "ours", Cases: []string{"1000"}, Exact: true}).Check(few); v.Outcome != Met {
		t.Errorf("what does not vary, after four rounds: %+v", v)
	}
	for _, g := range []Goal{{Ours: "nobody"}, {Ours: "ours", Cases: []string{"7"}}, {Ours: "ours", Metric: "faults"}} {
		if v := g.Check(results()); v.Err == nil || v.Outcome != Open {
			t.Errorf("%+v: %v, %v", g, v.Outcome, v.Err)
		}
	}
	if v := (Goal{}).Check(nil); v.Err == nil || v.Outcome != Open {
		t.Errorf("without results: %v, %v", v.Outcome, v.Err)
	}
}

func TestSample_JSON(t *testing.T) {
	want := Sample{Values: map[string]float64{"faults": 7}, Latencies: NewHistogram(), Curve: []Point{{1, 2}}}
	for _, ns := range []int64{0, 5, 5, 1e6, 1e15} {
		Record(want.Latencies, ns)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Sample
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Values["faults"] != 7 || got.Curve[0] != want.Curve[0] || !got.Latencies.Equals(want.Latencies) {
		t.Errorf("%s gives %+v", b, got)
	}
	c := Cell{Samples: []Sample{want, got, {Values: map[string]float64{}}}}
	if n := c.Latencies().TotalCount(); n != 10 {
		t.Errorf("%d latencies together", n)
	}
	if v := c.Values("p50-ns"); len(v) != 2 || v[0] != 5 {
		t.Errorf("medians %v", v)
	}
}

func TestFit(t *testing.T) {
	r := results()
	f, err := r.Fit("slow", "ns/op", nil)
	if err != nil || math.Abs(f.Exponent-0.5) > 1e-9 || f.N != 2 || math.Abs(f.R2-1) > 1e-9 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := r.Fit("slow", "ns/op", []string{"10"}); err == nil {
		t.Error("a fit through one point")
	}
}

// TestFit_Shape fits what is known: a power law, one that a fixed cost hides at first,
// and one with an error that the interval must cover.
func TestFit_Shape(t *testing.T) {
	fit := func(y func(x float64) float64) Fit {
		t.Helper()
		e := Experiment{Name: "e", Metric: "ns/op", Axis: "count", Contenders: []Contender{{Name: "c"}}}
		for _, n := range []int{1, 10, 100, 1000, 10_000} {
			e.Cases = append(e.Cases, Case{Label: strconv.Itoa(n), Count: n})
		}
		r := NewResults(e)
		for _, of := range e.Cases {
			cell := r.Cell("c", of.Label)
			cell.Samples = []Sample{{Values: map[string]float64{"ns/op": y(float64(of.Count))}}}
		}
		f, err := r.Fit("c", "ns/op", nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, test := range []struct {
		name        string
		y           func(x float64) float64
		last        float64
		word, after string
	}{
		{"constant", func(x float64) float64 { return 7 }, 0, "flat", "flat"},
		{"linear", func(x float64) float64 { return 3 * x }, 1, "linear", "linear"},
		{"square", func(x float64) float64 { return x * x }, 2, "above linear", "above linear"},
		{"amortized", func(x float64) float64 { return 1 / math.Sqrt(x) }, -0.5, "falling", "falling"},
		{"hidden", func(x float64) float64 { return 1000 + 10*x }, math.Log10(101000. / 11000), "below linear", "linear"},
	} {
		f := fit(test.y)
		if math.Abs(f.Last-test.last) > 1e-9 || f.Name() != test.word || growthName(f.Last) != test.after || f.N != 5 {
			t.Errorf("%s: %v", test.name, f)
		}
	}
	for _, y := range []func(x float64) float64{func(x float64) float64 { return 3 * x }, func(float64) float64 { return 7 }} {
		if f := fit(y); !(f.Error < 1e-6) || !(f.R2 > 0.999) {
			t.Errorf("points on the line: %v", f)
		}
	}
	// Decimal logarithms 0 to 4, plus 0.1 and less 0.1 in turn: that leaves the slope
	// at 1. Student's t with 3 degrees of freedom is 3.182.
	sign := map[float64]float64{1: 1, 10: -1, 100: 1, 1000: -1, 10_000: 1}
	f := fit(func(x float64) float64 { return x * math.Pow(10, 0.1*sign[x]) })
	ss := 0.0
	for _, s := range []float64{1, -1, 1, -1, 1} { // the mean of them is 0.2
		ss += 0.1 * (s - 0.2) * 0.1 * (s - 0.2)
	}
	if want := 3.182446 * math.Sqrt(ss/3/10); math.Abs(f.Error-want) > 1e-5 || math.Abs(f.Exponent-1) > 1e-9 {
		t.Errorf("%v, want ± %v", f, want)
	}
}
