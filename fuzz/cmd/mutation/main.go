// Command mutation, for those who change growarena, changes each operator of the library's packages in turn, by
// gremlins (github.com/go-gremlins/gremlins, as in tools/go.mod), and says which
// changes the packages' own tests do not notice.
//
//	go run ./fuzz/cmd/mutation [-packages epoch,arena] [-files REGEXP] [-short] [-workers N]
//
// Unlike the mutants of fuzz/cmd/mutants nobody has chosen these. All changes of a package are compiled into one
// test binary (schema.go), and a change is tried with the tests that meet it: gremlins chooses, and judges by
// what it takes for the go command (gocommand.go). It takes hours all the same: a nightly job. The exit code is 1 if less than nine tenths of the changes that can be
// run die in a package, if one that lives has no reason in harmless.txt, or if a reason
// there is about nothing any more; the last two only where all files were run.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	if planned := os.Getenv(planVariable); planned != "" && filepath.Base(os.Args[0]) == "go" {
		os.Exit(goCommand(planned, os.Args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := &program{out: os.Stdout, err: os.Stderr}
	os.Exit(p.run(ctx, os.Args[1:]))
}
