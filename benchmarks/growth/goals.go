package growth

import "github.com/growarena/growarena/benchmarks/internal/bench"

const (
	name = "growth"

	// Those who ask for huge pages have a goal of their own: half of their time is the
	// kernel clearing memory, and two processors cannot clear and copy in 0.4 of it.
	mremapHuge  = "mremap, huge pages"
	reserveHuge = "reserve+mprotect, huge pages"

	// What HugeAuto is worth where memory is at hand, and where a host has taken it.
	warmName   = "growth-warm"
	coldName   = "growth-cold"
	smallPages = "arena, small pages"

	randomName = "random"
	anonHuge   = "anonymous, huge pages"
)

// Goals returns the goals of growing.
func Goals() []bench.Goal {
	return []bench.Goal{
		{
			Name: "grow-total", Row: 1, Experiment: name, Ours: "arena", Peers: small(),
			Text: "growing by 64 KiB writes: total ≤ 0.4 × the best peer", Rule: bench.RatioAtMost, Limit: 0.4,
		},
		{
			Name: "grow-total-huge", Row: 1, Experiment: name, Ours: "arena", Peers: []string{mremapHuge, reserveHuge},
			Text: "… and ≤ 1 × peers that ask for huge pages by hand, whose addresses do not stay or whose limit must be known",
			Rule: bench.RatioAtMost, Limit: 1,
		},
		{
			Name: "grow-worst-write", Row: 1, Experiment: name, Ours: "arena", Metric: "worst-ns",
			Text: "… worst write of 64 KiB ≤ 1 ms", Rule: bench.AtMost, Limit: 1e6,
		},
		{
			Name: "grow-peak-memory", Row: 1, Experiment: name, Ours: "arena", Metric: "peak-rss-bytes",
			Per:  withoutHeadroom,
			Text: "… peak memory ≤ 1.05 × data + headroom", Rule: bench.AtMost, Limit: 1.05,
		},
		{
			Name: "grow-cold-total", Row: 1, Experiment: coldName, Ours: "arena", Peers: []string{smallPages},
			Text: "… with memory that the host has taken back: total ≤ 1.1 × that with small pages", Rule: bench.RatioAtMost, Limit: 1.1,
		},
		{
			Name: "grow-cold-worst", Row: 1, Experiment: coldName, Ours: "arena", Peers: []string{smallPages}, Metric: "worst-ns",
			Text: "… worst write ≤ 1.1 × that with small pages", Rule: bench.RatioAtMost, Limit: 1.1,
		},
		{
			Name: "grow-random", Row: 1, Experiment: randomName, Ours: "arena", Peers: []string{anonHuge},
			Text: "memory touched at random (HugeAlways): ≤ 1.1 × anonymous huge pages", Rule: bench.RatioAtMost, Limit: 1.1,
		},
	}
}

// small are the peers that do not ask for huge pages.
func small() (names []string) {
	for _, e := range Experiments(true)[:1] {
		for _, c := range e.Contenders {
			if !c.Ours && !c.Context && c.Name != mremapHuge && c.Name != reserveHuge {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// withoutHeadroom returns how often the data fits into a peak of memory from which
// the headroom is taken: an eighth of the length, at most 256 MiB.
func withoutHeadroom(of bench.Case, peak float64) float64 {
	return (peak - float64(min(of.Size/8, 256<<20))) / float64(of.Size)
}
