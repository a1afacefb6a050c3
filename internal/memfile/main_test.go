package memfile

import (
	"os"
	"os/signal"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	// Package os/signal has a goroutine from the first Notify on: so that no test seems to
	// leave it behind.
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
	testutil.Main(m, func() { endTrials() })
}
