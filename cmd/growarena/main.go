// Command growarena shows what package arena does on real input, and what the
// machine it runs on offers.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored.
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	// The first signal ends the work in good order, a second one the process.
	context.AfterFunc(ctx, stop)
	os.Exit(newProgram(os.Stdin, os.Stdout, os.Stderr).run(ctx, os.Args[1:]))
}
