//go:build race

package addrspace

// raceEnabled says that the race detector is on, which maps memory of its own: see raceShadows.
const raceEnabled = true
