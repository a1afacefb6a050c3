package dropin_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/dgraph-io/ristretto/v2/z"

	"github.com/growarena/growarena/slab"
)

// The functions of ristretto's package z that take memory from jemalloc or from
// the Go heap, on a slab: to be put in the place of its calloc_nojemalloc.go.
var callocMem = slab.NewArrow(slab.New(slab.Options{Name: "z"}), slab.ArrowOptions{})

func Calloc(n int, tag string) []byte      { return callocMem.Allocate(n) }
func CallocNoRef(n int, tag string) []byte { return callocMem.Allocate(n) }
func Free(b []byte)                        { callocMem.Free(b) }

// They are of the types that package z has.
var (
	_ = []func(int, string) []byte{z.Calloc, Calloc, z.CallocNoRef, CallocNoRef}
	_ = []func([]byte){z.Free, Free}
)

func Example_ristretto() {
	b := Calloc(1<<20, "example")
	defer Free(b)
	fmt.Println(len(b), b[1000])
	// Output: 1048576 0
}

// TestRistretto does with these functions what z.Buffer does with its own when it
// grows, and has z.Buffer read the result.
func TestRistretto(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	want := z.NewBuffer(64, "test")
	defer func() {
		if err := want.Release(); err != nil {
			t.Error(err)
		}
	}()
	for i := range 10_000 {
		want.WriteSlice(bytes.Repeat([]byte{byte(i)}, 1+i%300))
	}
	content := want.Bytes()
	var b []byte
	for n := 64; n < 2*len(content); n *= 2 {
		bigger := Calloc(n, "test")
		if len(bigger) != n || cap(bigger) < n || bytes.Count(bigger, []byte{0}) != n {
			t.Fatalf("Calloc(%d) gives %d bytes, not all zero", n, len(bigger))
		}
		copy(bigger, content)
		Free(b)
		b = bigger
	}
	defer Free(b)
	count := 0
	got := z.NewBufferSlice(b[:len(content)])
	err := got.SliceIterate(func(s []byte) error {
		if len(s) != 1+count%300 || s[0] != byte(count) {
			return fmt.Errorf("slice %d has %d bytes of %d", count, len(s), s[0])
		}
		count++
		return nil
	})
	if err != nil || count != 10_000 {
		t.Errorf("%d slices, %v", count, err)
	}
}
