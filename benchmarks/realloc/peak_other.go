//go:build !linux

package realloc

// resetPeak does nothing here.
func resetPeak() {}
