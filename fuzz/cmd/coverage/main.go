// Command coverage, for those who change growarena, says which statements of packages addrspace, arena, epoch and
// slab no test reaches, counting the tests of those packages, those of fuzz, and
// the one of the root together.
//
//	go run ./fuzz/cmd/coverage [-short]        percentages, and what is not reached
//	go run ./fuzz/cmd/coverage -markdown       the same as tables for fuzz/RESULTS.md
//	go run ./fuzz/cmd/coverage -profile FILE   of a run of go test that was made before
//
// The exit code is 1 if less than nine tenths of a package are reached, if a
// statement that is not reached has no reason in reasons.txt, or if a reason there
// is about nothing any more (but for those that some runs reach). With -short, which leaves tests out, reasons are not
// looked at.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := &program{out: os.Stdout, err: os.Stderr}
	os.Exit(p.run(ctx, os.Args[1:]))
}
