// Package bench describes work that several contenders do, so that one
// description serves the runner (benchmarks/main.go), the benchmarks of go test
// and their tests.
//
// An [Experiment] is a piece of work in several sizes, its [Case]s, and those who
// can do it, its [Contender]s. Doing a case once gives a [Sample]: numbers by the
// name of what was measured, and perhaps latencies and curves. [Results] holds the
// samples of several rounds. A [Goal] is a claim about them.
//
// # Metrics
//
// Numbers are kept by name, and the end of the name is the unit:
//
//	…ns/op, …-ns      nanoseconds
//	…seconds          seconds
//	…-bytes           bytes
//	anything else     a count, or a plain number
//
// Less is better, unless [Experiment.More] says otherwise. The names "faults"
// and, in an experiment whose samples have a process each, "peak-rss-bytes" are
// measured around Run unless it gives them itself.
package bench
