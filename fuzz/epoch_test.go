package fuzz

import "testing"

func FuzzEpoch(f *testing.F) { fuzzTarget(f, "epoch") }
