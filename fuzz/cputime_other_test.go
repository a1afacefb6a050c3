//go:build !linux || portable

package fuzz

import "time"

func cpuTime() (all, kernel time.Duration) { return 0, 0 }
