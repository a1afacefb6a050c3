package fuzz

import "testing"

func FuzzAddrspace(f *testing.F) { fuzzTarget(f, "addrspace") }
