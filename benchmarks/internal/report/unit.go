package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// unitOf returns the unit of a metric: "ns", "s", "bytes", "" for a number, or
// what the experiment calls it.
func unitOf(e bench.Experiment, metric string) string {
	switch {
	case metric == "" || metric == e.Metric:
		return e.Unit
	case strings.HasSuffix(metric, "ns/op") || strings.HasSuffix(metric, "-ns"):
		return "ns"
	case strings.HasSuffix(metric, "seconds"):
		return "s"
	case strings.HasSuffix(metric, "bytes"):
		return "bytes"
	}
	return ""
}

// columnTitle says what a metric is, for the head of a table.
func columnTitle(metric string) string {
	if t, ok := columnTitles[metric]; ok {
		return t
	}
	for _, suffix := range []string{"-ns", "-seconds", "-bytes"} {
		metric = strings.TrimSuffix(metric, suffix)
	}
	return strings.ReplaceAll(metric, "-", " ")
}

var columnTitles = map[string]string{
	"seconds":          "time",
	"ns/op":            "per operation",
	"cpu-ns/op":        "processor time per operation",
	"cpu-seconds":      "processor time",
	"cpu-ns":           "processor time",
	"worst-ns":         "longest",
	"max-ns":           "longest",
	"p50-ns":           "median",
	"p99-ns":           "1 in 100 above",
	"p99.9-ns":         "1 in 1,000 above",
	"peak-rss-bytes":   "peak memory",
	"faults":           "page faults",
	"syscalls":         "system calls",
	"vmas":             "mappings",
	"page-table-bytes": "page tables",
}

// A scale is a unit and its multiples, largest first.
type scale []struct {
	factor float64
	name   string
}

var scales = map[string]scale{
	"ns":    {{60e9, "min"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}},
	"s":     {{60, "min"}, {1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}},
	"bytes": {{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}},
}

// Humanize returns v, of a unit as unitOf returns it, with three digits at most
// and a fitting multiple of the unit.
func Humanize(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	s, ok := scales[unit]
	if !ok {
		text := plain(v)
		if unit == "%" {
			return text + " %"
		}
		return text
	}
	if v == 0 {
		return "0"
	}
	for _, u := range s {
		// Two minutes are minutes, one and a half are seconds.
		if x := v / u.factor; math.Abs(x) >= 1 && (u.name != "min" || math.Abs(x) >= 2) {
			return digits(x) + " " + u.name
		}
	}
	last := s[len(s)-1]
	return digits(v/last.factor) + " " + last.name
}

// digits returns v with three digits, or all those of its integer part.
func digits(v float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return trimZeros(strconv.FormatFloat(v, 'f', 1, 64))
	case a >= 0.9995:
		return trimZeros(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// plain returns a number with commas between thousands, or with an M for millions.
func plain(v float64) string {
	a := math.Abs(v)
	switch {
	case a >= 9.995e6:
		return digits(v/1e6) + " M"
	case a >= 999.5:
		s := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	}
	return digits(v)
}

// times returns a ratio for a table: "0.31 ×".
func times(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return plain(v) + " ×"
}
