package memfile

import (
	"math/bits"

	"github.com/growarena/growarena/internal/align"
)

// punchMost bounds what one call gives back: the kernel keeps others from making the file
// longer for as long as that takes.
const punchMost = 16 << 20

// PunchFrom is Punch of [from, to) in pieces, and returns up to where it has come.
func PunchFrom(fd int, from, to int64) (int64, error) {
	for from < to {
		next := min(align.Down(from, punchMost)+punchMost, to)
		if err := Punch(fd, from, 0, int(next-from)); err != nil {
			return from, err
		}
		from = next
	}
	return from, nil
}

// Bounds of what is given back of the front of a file at once: giving back less than a huge page
// breaks that.
const (
	granuleMin = 64 << 10
	granuleMax = ExtentSize
)

// Granule returns of which size pieces of a front should be that are given back, where so many
// bytes are live behind it: an eighth of that, within bounds.
func Granule(live int) int {
	if live /= 8; live > granuleMin {
		return min(1<<(bits.Len(uint(live))-1), granuleMax)
	}
	return granuleMin
}
