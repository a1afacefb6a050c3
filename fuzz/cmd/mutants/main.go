// Command mutants, for those who change growarena, shows that the tests would notice. It plants one mistake at a
// time into a copy of a source file, builds the package's tests with the copy in
// place of the original (go test -overlay), and runs the test that is named with
// the mistake. That test must fail. The tree is not touched, and production code
// has no trace of it.
//
// Before that it runs the named tests on the code as it is, where they must pass.
//
// The tables are one file per package under test: addrspace.go, arena.go,
// epoch.go, pageheap.go, slab.go and so on; and explorer.go for those mistakes in epoch that need an
// interleaving, which the explorer (tag explore) has to find. To add a mistake, add an entry; the old text must stand in
// its file exactly once. If the tests do not notice it, that is a finding: write
// the test that does. A test that passes is run twice more: what only another run finds is
// reported as late, which is no failure, and asks for a test that leaves nothing to luck.
//
//	go run ./fuzz/cmd/mutants              all of them
//	go run ./fuzz/cmd/mutants -list        what there is
//	go run ./fuzz/cmd/mutants -part 1/3    a third of them
//	go run ./fuzz/cmd/mutants -run arena -v
//
// The exit code is 1 if a mistake survives, does not build, hangs the tests, or
// no longer applies to the code.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := &program{out: os.Stdout, err: os.Stderr, mutants: allMutants()}
	os.Exit(p.run(ctx, os.Args[1:]))
}
