package shm

import (
	"fmt"
	"reflect"

	"github.com/growarena/growarena/internal/pointerfree"
)

// AppendValues appends values of a type without pointers to a buffer that has nothing else, as
// one, and returns the number of the first, its row. They lie there as Go has them in memory: as
// a struct of C's, for programs of the same architecture. Cost and errors are those of
// [Writer.Append]. Panics if T has pointers or no size, or the buffer has something else.
func AppendValues[T any](w *Writer, values ...T) (row int, err error) {
	size := columnSize[T]()
	off, err := w.Append(bytesOf(values))
	if err != nil {
		return -1, err
	}
	if off%size != 0 {
		panic(fmt.Sprintf("shm: AppendValues of %v, of %d bytes, to %q at %d: it has something else before", reflect.TypeFor[T](), size, w.name, off))
	}
	return off / size, nil
}

// View returns the values of T that g shows, in place, and the number of the first: those that
// [AppendValues] has appended, from the first that is not dropped. What is valid for how long,
// and whether it was there, is as with [Guard.Bytes] and [Guard.Check], of first times the size
// of T. Must not be written to. Panics if T has pointers or no size.
func View[T any](g *Guard) (first int, values []T) {
	size := columnSize[T]()
	first = (g.front + size - 1) / size
	return first, valuesAt[T](g.held.Bytes(), first, max(g.Len()/size-first, 0))
}

// columnSize returns the size of a T, and panics if there can be no column of it.
func columnSize[T any]() int {
	if where := pointerfree.Pointer[T](); where != "" {
		panic(fmt.Sprintf("shm: a column of %v, which contains a pointer (%s): it means nothing in another process", reflect.TypeFor[T](), where))
	}
	size := sizeOf[T]()
	if size == 0 {
		panic(fmt.Sprintf("shm: a column of %v, which has no size: count in an integer", reflect.TypeFor[T]()))
	}
	return size
}
