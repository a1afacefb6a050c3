package memfile

import (
	"runtime"
	"runtime/metrics"
)

// Load tells whether a processor is idle. The zero Load is ready to use; one goroutine
// at a time may.
type Load [2]metrics.Sample

// Spare reports whether the goroutines that run or could run, and so many more, all
// have a processor. A helper that takes one from a reader or a writer gains nothing,
// and the one who has to wait meanwhile waits for milliseconds. Asking takes a
// fraction of a microsecond. Where the runtime does not tell there is one to spare.
func (l *Load) Spare(more int) bool {
	l[0].Name = "/sched/goroutines/running:goroutines"
	l[1].Name = "/sched/goroutines/runnable:goroutines"
	metrics.Read(l[:])
	busy := uint64(more)
	for i := range l {
		if v := l[i].Value; v.Kind() == metrics.KindUint64 {
			busy += v.Uint64()
		}
	}
	return busy <= uint64(runtime.GOMAXPROCS(0))
}
