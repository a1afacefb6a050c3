//go:build !linux

package bench

// Faults returns 0: it is known on Linux only, like all below.
func Faults() int64 { return 0 }

// CPUTime returns 0.
func CPUTime() float64 { return 0 }

// RSS returns 0.
func RSS() int64 { return 0 }

// PeakRSS returns 0.
func PeakRSS() int64 { return 0 }

// PageTables returns 0.
func PageTables() int64 { return 0 }

// VMAs returns 0.
func VMAs() int64 { return 0 }

// Mapped returns 0.
func Mapped(string) int64 { return 0 }
