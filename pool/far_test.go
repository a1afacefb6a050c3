package pool

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/testutil"
)

// TestFarFile_Model hands out and takes back random ranges and compares with a
// map of extents: no two ranges overlap, the free ones are all there is between
// them, and in the end there is nothing.
func TestFarFile_Model(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	f := farFile{page: 4096}
	defer f.close()
	owner := map[int]int{} // extent → index of the range
	var all []part
	steps, extents := 2000, 20
	if bits.UintSize == 32 {
		steps, extents = 1000, 2 // The file must be shorter than 2 GiB.
	}
	for i := range steps {
		if rng.IntN(5) > 1 || len(all) == 0 {
			skew := rng.IntN(3) * 64 << 10
			n := (1+rng.IntN(extents))*memfile.ExtentSize - skew
			g, _, err := f.take(skew, n, n)
			if err != nil {
				t.Fatal(err)
			}
			if int(g.Off)%memfile.ExtentSize != skew || g.N != n || f.file.Size() < int(g.Off)+n {
				t.Fatalf("took %+v for %d bytes at %d", g, n, skew)
			}
			for e := int(g.Off) / memfile.ExtentSize; e < (int(g.Off)+n)/memfile.ExtentSize; e++ {
				if k, taken := owner[e]; taken {
					t.Fatalf("extent %d was handed out as part of range %d", e, k)
				}
				owner[e] = i
			}
			all = append(all, g)
		} else {
			k := rng.IntN(len(all))
			g := all[k]
			f.give(g, rng.IntN(2)*4096)
			for e := int(g.Off) / memfile.ExtentSize; e < (int(g.Off)+g.N)/memfile.ExtentSize; e++ {
				delete(owner, e)
			}
			all[k] = all[len(all)-1]
			all = all[:len(all)-1]
		}
		free := 0
		for k, h := range f.free {
			free += h.n
			if h.n <= 0 || k > 0 && f.free[k-1].off+f.free[k-1].n >= h.off || h.off+h.n >= f.end {
				t.Fatalf("free ranges %v up to %d", f.free, f.end)
			}
		}
		if free+len(owner)*memfile.ExtentSize != f.end {
			t.Fatalf("%d bytes free, %d extents taken, of %d", free, len(owner), f.end)
		}
	}
	for _, g := range all {
		f.give(g, 0)
	}
	if f.end != 0 || len(f.free) != 0 || f.taken != 0 {
		t.Errorf("all given: %d, %v, %d", f.end, f.free, f.taken)
	}
}

// TestPool_TailsAreApart lets two buffers outgrow their bands: what is behind is
// each one's own.
func TestPool_TailsAreApart(t *testing.T) {
	testutil.NeedsMoves(t)
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	p, err := New(Options{Name: t.Name(), Band: bandMin})
	if err != nil {
		t.Fatal(err)
	}
	const n = 2*memfile.ExtentSize + 100
	var buffers [3][]byte
	for i := range buffers {
		b, err := p.Alloc(10)
		if err == nil {
			b, err = p.Grow(b, n)
		}
		if err != nil {
			t.Fatal(err)
		}
		for j := range b {
			if b[j] != 0 {
				t.Fatalf("byte %d of buffer %d is %d", j, i, b[j])
			}
			b[j] = byte(i + 1)
		}
		buffers[i] = b
	}
	for i, b := range buffers {
		if k := bytes.Count(b, []byte{byte(i + 1)}); k != n {
			t.Errorf("%d of %d bytes of buffer %d are its own", k, n, i)
		}
		p.Free(b)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
