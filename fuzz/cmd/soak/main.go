// Command soak, for those who change growarena or trust a new kernel with it, runs random programs of all fuzz targets, and goroutines that write
// and read at the same time, for as long as it is told to, and says in one line
// what came of it.
//
//	go run ./fuzz/cmd/soak -for 10m [-seed N] [-only NAME] [-from N]
//
// Each target that needs a process to itself has one; another has all others and
// the readers and writers. A failure names the seed, and the command that runs the
// same again. The exit code is 1 then. An interrupt ends it early.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"
)

func main() {
	duration := flag.Duration("for", time.Minute, "how long to run")
	seed := flag.Uint64("seed", 0, "seed of all programs; 0 for a new one")
	only := flag.String("only", "", "run this worker only; empty for all")
	from := flag.Uint64("from", 0, "number of the program to begin with")
	worker := flag.Bool("worker", false, "be a worker, of another process of this program")
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()
	if *worker {
		work(ctx, *only, *seed, *from)
		return
	}
	names := workers()
	if *only != "" {
		names = []string{*only}
	}
	fmt.Printf("soak: seed %d, %v, workers %v\n", *seed, *duration, names)
	start := time.Now()
	failures, total := supervise(ctx, names, *seed, *from, *duration)
	for _, f := range failures {
		fmt.Printf("\n%s\nagain: go run ./fuzz/cmd/soak -only %s -seed %d -from %d -for %v\n", f.text, f.worker, *seed, f.from, *duration)
	}
	verdict := "passed"
	if len(failures) > 0 {
		verdict = fmt.Sprintf("FAILED, %d of %d workers", len(failures), len(names))
	}
	fmt.Printf("soak: %s: %s, seed %d, in %v\n", verdict, total, *seed, time.Since(start).Round(time.Second))
	if len(failures) > 0 {
		os.Exit(1)
	}
}
