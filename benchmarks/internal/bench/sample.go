package bench

import (
	"encoding/json"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Point is a point of a curve.
type Point struct{ X, Y float64 }

// Sample is what doing a case once has given.
type Sample struct {
	Values    map[string]float64      // by metric
	Latencies *hdrhistogram.Histogram // in nanoseconds, of each of many operations; may be nil
	Curve     []Point                 // how the work went on; may be nil
}

// longest is the longest latency that is told from longer ones: ten minutes.
const longest = 600e9

// NewHistogram returns a histogram for latencies in nanoseconds, from 1 ns to ten
// minutes with three digits.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

// Record adds a latency to h. Longer than the longest counts as that.
func Record(h *hdrhistogram.Histogram, ns int64) {
	if err := h.RecordValue(min(max(ns, 1), longest)); err != nil {
		panic(fmt.Sprintf("bench: BUG: a latency of %d ns: %v", ns, err))
	}
}

// sampleJSON is a sample as it goes from one process to another.
type sampleJSON struct {
	Values    map[string]float64 `json:"values"`
	Latencies string             `json:"latencies,omitempty"`
	Curve     []Point            `json:"curve,omitempty"`
}

// MarshalJSON encodes the latencies as HdrHistogram does: compressed, in base64.
func (s Sample) MarshalJSON() ([]byte, error) {
	out := sampleJSON{Values: s.Values, Curve: s.Curve}
	if s.Latencies != nil {
		b, err := s.Latencies.EncodeV2()
		if err != nil {
			return nil, err
		}
		out.Latencies = string(b)
	}
	return json.Marshal(out)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (s *Sample) UnmarshalJSON(b []byte) error {
	var in sampleJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*s = Sample{Values: in.Values, Curve: in.Curve}
	if in.Latencies == "" {
		return nil
	}
	var err error
	s.Latencies, err = hdrhistogram.Decode([]byte(in.Latencies))
	return err
}
