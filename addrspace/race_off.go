//go:build !race

package addrspace

const raceEnabled = false
