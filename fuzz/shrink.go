package fuzz

import (
	"slices"
	"time"
)

// Shrink returns a shorter and plainer program on which t still fails: as far as
// leaving out pieces and putting in zeros gets within a time.
func Shrink(t Target, program []byte, within time.Duration) []byte {
	end := time.Now().Add(within)
	try := func(less []byte) bool {
		if time.Now().After(end) || t.Try(less) == nil {
			return false
		}
		program = less
		return true
	}
	for n := len(program) / 2; n > 0; n /= 2 {
		for at := 0; at+n <= len(program); {
			if !try(slices.Delete(slices.Clone(program), at, at+n)) {
				at += n
			}
		}
	}
	for i, b := range program {
		if b != 0 {
			try(slices.Replace(slices.Clone(program), i, i+1, 0))
		}
	}
	return program
}
