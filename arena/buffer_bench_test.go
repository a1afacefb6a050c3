package arena_test

import (
	"bytes"
	"io"
	"strconv"
	"testing"

	"github.com/growarena/growarena/arena"
)

// The benchmarks put a Buffer beside a bytes.Buffer. Run:
//
//	go test ./arena -run '^$' -bench Buffer

// buffer is what the benchmarks use of both.
type buffer interface {
	io.ReadWriter
	io.ByteReader
	io.ByteWriter
	AvailableBuffer() []byte
	Len() int
	Reset()
}

// buffers makes what the benchmarks compare.
var buffers = map[string]func(testing.TB) buffer{
	"bytes": func(testing.TB) buffer { return new(bytes.Buffer) },
	"arena": func(b testing.TB) buffer { return newBuffer(b, arena.Options{}) },
}

func eachBuffer(b *testing.B, sizes []int, f func(b *testing.B, buf buffer, size int)) {
	for _, size := range sizes {
		for _, impl := range []string{"bytes", "arena"} {
			b.Run("impl="+impl+"/size="+strconv.Itoa(size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				f(b, buffers[impl](b), size)
			})
		}
	}
}

// BenchmarkBuffer_Write writes p of a size into a Buffer that is emptied at 1 MiB:
// warm memory, no growth.
func BenchmarkBuffer_Write(b *testing.B) {
	eachBuffer(b, []int{8, 64, 512, 4096, 65536}, func(b *testing.B, buf buffer, size int) {
		p := make([]byte, size)
		for b.Loop() {
			if buf.Len() >= mib {
				buf.Reset()
			}
			buf.Write(p)
		}
	})
}

func BenchmarkBuffer_WriteByte(b *testing.B) {
	eachBuffer(b, []int{1}, func(b *testing.B, buf buffer, _ int) {
		for b.Loop() {
			if buf.Len() >= mib {
				buf.Reset()
			}
			buf.WriteByte('x')
		}
	})
}

func BenchmarkBuffer_ReadByte(b *testing.B) {
	eachBuffer(b, []int{1}, func(b *testing.B, buf buffer, _ int) {
		p := make([]byte, mib)
		for b.Loop() {
			if _, err := buf.ReadByte(); err != nil {
				buf.Write(p)
			}
		}
	})
}

// BenchmarkBuffer_Pipe writes a message and reads it, all the time.
func BenchmarkBuffer_Pipe(b *testing.B) {
	eachBuffer(b, []int{64, 4096, 65536}, func(b *testing.B, buf buffer, size int) {
		p := make([]byte, size)
		for b.Loop() {
			buf.Write(p)
			buf.Read(p)
		}
	})
}

// BenchmarkBuffer_Append formats numbers into AvailableBuffer.
func BenchmarkBuffer_Append(b *testing.B) {
	eachBuffer(b, []int{16}, func(b *testing.B, buf buffer, _ int) {
		for b.Loop() {
			if buf.Len() >= mib {
				buf.Reset()
			}
			buf.Write(strconv.AppendInt(buf.AvailableBuffer(), 1<<53, 10))
		}
	})
}

// BenchmarkBuffer_Fill fills a new Buffer to a size by writes of 64 KiB, and frees
// it.
func BenchmarkBuffer_Fill(b *testing.B) {
	p := make([]byte, 64<<10)
	for _, size := range []int{4 * mib, 64 * mib, 512 * mib} {
		b.Run("impl=bytes/size="+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				var buf bytes.Buffer
				for buf.Len() < size {
					buf.Write(p)
				}
			}
		})
		b.Run("impl=arena/size="+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				var buf arena.Buffer
				for buf.Len() < size {
					if _, err := buf.Write(p); err != nil {
						b.Fatal(err)
					}
				}
				if err := buf.Free(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBuffer_ReadFrom reads a stream of a size into a new Buffer, which is
// freed.
func BenchmarkBuffer_ReadFrom(b *testing.B) {
	for _, size := range []int{4 * mib, 256 * mib} {
		src := io.NewSectionReader(zeros{}, 0, int64(size))
		b.Run("impl=bytes/size="+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				var buf bytes.Buffer
				src.Seek(0, io.SeekStart)
				buf.ReadFrom(src)
			}
		})
		b.Run("impl=arena/size="+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				var buf arena.Buffer
				src.Seek(0, io.SeekStart)
				if _, err := buf.ReadFrom(src); err != nil {
					b.Fatal(err)
				}
				if err := buf.Free(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// zeros reads as zeros everywhere.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}
