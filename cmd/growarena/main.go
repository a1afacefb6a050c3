// Command growarena shows what package arena does on real input, and what the
// machine it runs on offers.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	// The first Ctrl-C ends the work in good order, a second one the process.
	context.AfterFunc(ctx, stop)
	os.Exit(newProgram(os.Stdin, os.Stdout, os.Stderr).run(ctx, os.Args[1:]))
}
