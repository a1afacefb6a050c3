package pool

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
)

// BenchmarkPoolColours reads the first bytes of buffers in random order, each
// load depending on the one before, by the number of colours: what coloursMax
// was chosen by.
func BenchmarkPoolColours(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("needs Linux")
	}
	for _, many := range []int{300, 1000, 3000} {
		for _, colours := range []int{1, 64, 128, 256, 512} {
			b.Run("buffers="+strconv.Itoa(many)+"/colours="+strconv.Itoa(colours), func(b *testing.B) {
				p := newPool(Options{})
				p.colours = colours
				p.room = p.band - p.guard - (colours-1)*p.page
				if err := p.open(); err != nil {
					b.Fatal(err)
				}
				defer p.Close() // with what is live
				all := make([][]byte, many)
				for i := range all {
					var err error
					if all[i], err = p.Alloc(4096); err != nil {
						b.Fatal(err)
					}
				}
				// Each buffer names, in a random line, the next of a random cycle.
				rng := rand.New(rand.NewPCG(1, 2))
				order := rng.Perm(many)
				line := make([]int, many)
				for i := range line {
					line[i] = rng.IntN(64) * 64
				}
				for k, i := range order {
					next := order[(k+1)%many]
					binary.LittleEndian.PutUint64(all[i][line[i]:], uint64(next)<<32|uint64(line[next]))
				}
				at, off := order[0], line[order[0]]
				for b.Loop() {
					v := binary.LittleEndian.Uint64(all[at][off:])
					at, off = int(v>>32), int(uint32(v))
				}
				if at >= many {
					b.Fatal("lost")
				}
			})
		}
	}
}
