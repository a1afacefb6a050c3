package dropin_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// arenaPages is a parquet.BufferPool: pages that wait for their row group to be
// complete are kept outside the Go heap and given back at once. parquet-go does not
// put back the pages of a writer that is given up; Reset does, with io.Discard.
type arenaPages struct{}

func (arenaPages) GetBuffer() io.ReadWriteSeeker  { return new(arena.Buffer) }
func (arenaPages) PutBuffer(b io.ReadWriteSeeker) { _ = b.(*arena.Buffer).Free() } // It has no file that could fail.

type row struct {
	ID   int64   `parquet:"id"`
	Name string  `parquet:"name,dict"`
	X    float64 `parquet:"x,snappy"`
}

func rows(n int) []row {
	r := make([]row, n)
	for i := range r {
		r[i] = row{int64(i) * 7919 % 1_000_003, fmt.Sprint("name ", i%1000), float64(i) / 3}
	}
	return r
}

func Example_parquet() {
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file, parquet.ColumnPageBuffers(arenaPages{}))
	w.Write(rows(1000))
	w.Close()
	r, err := parquet.Read[row](bytes.NewReader(file.Bytes()), int64(file.Len()))
	fmt.Println(len(r), r[10], err)
	// Output: 1000 {79190 name 10 3.3333333333333335} <nil>
}

// countedPages counts the buffers that are out.
type countedPages struct {
	arenaPages
	all, out *atomic.Int64
}

func (c countedPages) GetBuffer() io.ReadWriteSeeker {
	c.all.Add(1)
	c.out.Add(1)
	return c.arenaPages.GetBuffer()
}

func (c countedPages) PutBuffer(b io.ReadWriteSeeker) {
	c.out.Add(-1)
	c.arenaPages.PutBuffer(b)
}

// TestParquet_GivenUp gives writers up in the middle of a row group.
func TestParquet_GivenUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	testutil.NoLeaks(t, trim)
	var all, out atomic.Int64
	buffers := countedPages{all: &all, out: &out}
	w := parquet.NewGenericWriter[row](io.Discard, parquet.ColumnPageBuffers(buffers), parquet.PageBufferSize(1<<10))
	s := parquet.NewSortingWriter[row](io.Discard, 2000, parquet.ColumnPageBuffers(buffers), parquet.PageBufferSize(1<<10),
		parquet.SortingWriterConfig(parquet.SortingBuffers(buffers), parquet.SortingColumns(parquet.Ascending("id"))))
	for _, write := range []func([]row) (int, error){w.Write, s.Write} {
		if _, err := write(rows(10_000)); err != nil {
			t.Fatal(err)
		}
	}
	if out.Load() == 0 {
		t.Fatal("no page is kept")
	}
	w.Reset(io.Discard)
	s.Reset(io.Discard)
	if out.Load() != 0 {
		t.Errorf("of %d buffers %d were not put back", all.Load(), out.Load())
	}
}

// TestParquet writes files of several row groups, sorted too, and compares them
// with those that parquet-go's own buffers give.
func TestParquet(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	testutil.NoLeaks(t, trim)
	content := rows(100_000)
	write := func(buffers parquet.BufferPool) ([]byte, []byte) {
		var plain, sorted bytes.Buffer
		w := parquet.NewGenericWriter[row](&plain, parquet.ColumnPageBuffers(buffers), parquet.MaxRowsPerRowGroup(30_000))
		s := parquet.NewSortingWriter[row](&sorted, 20_000, parquet.ColumnPageBuffers(buffers),
			parquet.SortingWriterConfig(parquet.SortingBuffers(buffers), parquet.SortingColumns(parquet.Ascending("id"))))
		for _, write := range []func([]row) (int, error){w.Write, s.Write} {
			if n, err := write(content); n != len(content) || err != nil {
				t.Fatal(n, err)
			}
		}
		for _, close := range []func() error{w.Close, s.Close} {
			if err := close(); err != nil {
				t.Fatal(err)
			}
		}
		return plain.Bytes(), sorted.Bytes()
	}
	var all, out atomic.Int64
	plain, sorted := write(countedPages{all: &all, out: &out})
	wantPlain, wantSorted := write(parquet.NewBufferPool())
	if !bytes.Equal(plain, wantPlain) || !bytes.Equal(sorted, wantSorted) {
		t.Error("the files are others than with buffers in the Go heap")
	}
	if all.Load() == 0 || out.Load() != 0 {
		t.Errorf("of %d buffers %d were not put back", all.Load(), out.Load())
	}
	got, err := parquet.Read[row](bytes.NewReader(sorted), int64(len(sorted)))
	if err != nil || len(got) != len(content) || got[0].ID > got[1].ID {
		t.Errorf("%d rows, %v", len(got), err)
	}
}
