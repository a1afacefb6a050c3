package gc

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// So many collections are measured: the fewer, the longer they take.
const (
	cyclesMin = 9
	cyclesMax = 101
	enough    = time.Second / 2
)

// cost is what collections took, each.
type cost struct {
	wall, cpu, pause []float64 // nanoseconds
}

// collect runs the collector several times.
func collect() cost {
	var c cost
	runtime.GC() // what is garbage from before
	begin := time.Now()
	for i := 0; i < cyclesMin || i < cyclesMax && time.Since(begin) < enough; i++ {
		cpu, paused := collectorTime(), pauses()
		start := time.Now()
		runtime.GC()
		wall := time.Since(start)
		c.wall = append(c.wall, float64(wall.Nanoseconds()))
		c.cpu = append(c.cpu, (collectorTime()-cpu)*1e9)
		c.pause = append(c.pause, float64((pauses() - paused).Nanoseconds()))
	}
	return c
}

// values returns the medians.
func (c cost) values() map[string]float64 {
	return map[string]float64{
		"gc-ns":    bench.Median(c.wall),
		"cpu-ns":   bench.Median(c.cpu),
		"pause-ns": bench.Median(c.pause),
		// What of the heap the last one had to look through.
		"scanned-bytes": float64(read("/gc/scan/heap:bytes").Uint64()),
	}
}

// collectorTime returns the processor time of the collector so far, in seconds, as
// it is known at the end of a collection.
func collectorTime() float64 { return read("/cpu/classes/gc/total:cpu-seconds").Float64() }

// read returns a metric of the runtime.
func read(name string) metrics.Value {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return s[0].Value
}

// pauses returns how long the world was stopped so far.
func pauses() time.Duration {
	var s debug.GCStats
	debug.ReadGCStats(&s)
	return s.PauseTotal
}

// timed calls f and returns how long that took.
func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}
