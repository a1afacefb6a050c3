package dropin_test

import (
	"bytes"
	"fmt"
	"log"
	"runtime"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/slab"
)

// slab.Arrow is a memory.Allocator as it is.
var _ memory.Allocator = (*slab.Arrow)(nil)

// Arrow arrays whose memory is not the garbage collector's, and does not get
// copied as builders grow.
func Example_arrow() {
	a := slab.New(slab.Options{Name: "columns"})
	defer a.Close()
	mem := slab.NewArrow(a, slab.ArrowOptions{}) // {Alignment: 4096} for direct I/O

	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.AppendValues([]int64{1, 2, 3}, nil)
	column := b.NewInt64Array()
	defer column.Release()
	fmt.Println(column)
	// Output: [1 2 3]
}

// newSlab makes an allocator that must be empty when the test ends.
func newSlab(t testing.TB, o slab.Options) *slab.Allocator {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	a := slab.New(o)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// records makes a batch with columns of all layouts: fixed width, variable width,
// bits, nested, and a dictionary.
func records(mem memory.Allocator, rows int) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "ok", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "tags", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint16)},
		{Name: "city", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(i) * 7919)
		if i%5 == 0 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("name ", i))
		}
		b.Field(2).(*array.BooleanBuilder).Append(i%3 == 0)
		tags := b.Field(3).(*array.ListBuilder)
		tags.Append(true)
		for j := range i % 4 {
			tags.ValueBuilder().(*array.Uint16Builder).Append(uint16(i + j))
		}
		if err := b.Field(4).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprint("city ", i%100)); err != nil {
			log.Panic(err)
		}
	}
	return b.NewRecordBatch()
}

// TestArrow_IPC sends a record batch through the IPC format and compares what
// comes out with a batch in the Go heap. Nothing stays allocated, by the count of
// arrow's own checking allocator and by that of ours.
func TestArrow_IPC(t *testing.T) {
	const rows = 10_000
	want := records(memory.NewGoAllocator(), rows)
	defer want.Release()
	for name, options := range map[string][]ipc.Option{
		"plain": nil, "lz4": {ipc.WithLZ4()}, "zstd": {ipc.WithZstd(), ipc.WithCompressConcurrency(2)},
	} {
		for _, debug := range []bool{false, true} {
			for _, alignment := range []int{64, 4096} {
				t.Run(fmt.Sprintf("%s/debug=%v/alignment=%d", name, debug, alignment), func(t *testing.T) {
					a := newSlab(t, slab.Options{Debug: debug})
					mem := memory.NewCheckedAllocator(slab.NewArrow(a, slab.ArrowOptions{Alignment: alignment}))
					defer mem.AssertSize(t, 0)

					batch := records(mem, rows)
					defer batch.Release()
					if !array.RecordEqual(batch, want) {
						t.Error("the batch is another one than in the Go heap")
					}
					checkAlignment(t, batch, uintptr(alignment))

					var stream arena.Buffer
					defer stream.Free()
					options := append(options, ipc.WithSchema(batch.Schema()), ipc.WithAllocator(mem))
					w := ipc.NewWriter(&stream, options...)
					if err := w.Write(batch); err != nil {
						t.Fatal(err)
					}
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
					r, err := ipc.NewReader(&stream, ipc.WithAllocator(mem))
					if err != nil {
						t.Fatal(err)
					}
					defer r.Release()
					if !r.Next() {
						t.Fatalf("no batch: %v", r.Err())
					}
					if got := r.RecordBatch(); !array.RecordEqual(got, want) {
						t.Error("the batch came out as another one")
					}
					if r.Next() || r.Err() != nil {
						t.Errorf("after the batch: %v", r.Err())
					}
				})
			}
		}
	}
}

// checkAlignment checks where the buffers of a batch begin.
func checkAlignment(t *testing.T, batch arrow.RecordBatch, alignment uintptr) {
	t.Helper()
	var check func(arrow.ArrayData)
	check = func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil && b.Len() > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(b.Bytes())))%alignment != 0 {
				t.Errorf("a buffer of %v is at %p, want a multiple of %d", d.DataType(), b.Bytes(), alignment)
			}
		}
		for _, child := range d.Children() {
			check(child)
		}
		if d.DataType().ID() == arrow.DICTIONARY { // Else a nil that is not equal to nil.
			check(d.Dictionary())
		}
	}
	for _, column := range batch.Columns() {
		check(column.Data())
	}
}

// TestArrow_Buffer resizes a memory.Buffer up and down, as builders do, and beside
// it one of arrow's own.
func TestArrow_Buffer(t *testing.T) {
	a := newSlab(t, slab.Options{})
	mem := memory.NewCheckedAllocator(slab.NewArrow(a, slab.ArrowOptions{}))
	defer mem.AssertSize(t, 0)
	got, want := memory.NewResizableBuffer(mem), memory.NewResizableBuffer(memory.NewGoAllocator())
	defer got.Release()
	for i, n := range []int{1, 64, 65, 4096, 100, 0, 0, 10, 5 << 20, 3 << 20, 20 << 20, 1 << 20, 30 << 20, 33, 1} {
		got.Resize(n)
		want.Resize(n)
		if n > 0 {
			at := i * 7 % n
			got.Bytes()[at], want.Bytes()[at] = byte(i+1), byte(i+1)
		}
		if got.Len() != n || got.Cap() != want.Cap() || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("step %d: Resize(%d) gives %d of %d bytes, arrow's own %d of %d", i, n, got.Len(), got.Cap(), want.Len(), want.Cap())
		}
	}
	for n := range 300 {
		got.Reserve(n * 1000)
		got.ResizeNoShrink(n)
	}
}

// TestArrow_Leak checks that arrow's checking allocator sees a leak on ours, and
// that ours sees it too.
func TestArrow_Leak(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	a := slab.New(slab.Options{Name: "columns"})
	mem := memory.NewCheckedAllocator(slab.NewArrow(a, slab.ArrowOptions{}))
	mem.Allocate(100)
	b := mem.Allocate(1000)
	b = mem.Reallocate(900, b) // In place, so by the same address.
	mem.Free(b[:10:10][:0])
	mem.Free(nil)
	var seen complaints
	mem.AssertSize(&seen, 0)
	if seen == 0 {
		t.Error("arrow sees no leak")
	}
	if err := a.Close(); err == nil {
		t.Error("Close sees no leak")
	} else {
		t.Log(err)
	}
}

// complaints counts the errors of a memory.TestingT.
type complaints int

func (c *complaints) Errorf(string, ...any) { *c++ }
func (c *complaints) Helper()               {}
