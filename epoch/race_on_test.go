//go:build race

package epoch_test

// raceEnabled says that the race detector is on: tests do less.
const raceEnabled = true
