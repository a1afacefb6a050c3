package stream

// A row has 56 bytes in columns columns: wide ones of 8 bytes, narrow ones of 4.
const (
	wide, narrow = 6, 2
	columns      = wide + narrow
	rowSize      = 8*wide + 4*narrow
)

// table is what is compared: columns with one writer and several readers.
type table interface {
	// write appends n rows, of which the first has that number. Called by one goroutine.
	write(first int64, n int) error
	// drop drops the rows before to. Called by the writer.
	drop(to int64) error
	// read reads two rows of what is there, in one snapshot: the last one, and the one that is
	// as far from the front as pick says, modulo their number. Safe for concurrent use
	// with all but close.
	read(pick uint64, last, other *row) error
	// committed returns the bytes of memory in files, mapped or not.
	committed() int
	close() error
}

// row is what was read of a row.
type row struct {
	number int64
	values [columns]uint64
}

// value returns what column c of a row has.
func value(c int, number int64) uint64 { return uint64(number+1) * factors[c] }

// factors are odd, so that no two rows have the same value.
var factors = [columns]uint64{
	0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xff51afd7ed558ccd,
	0xc4ceb9fe1a85ec53, 0xd6e8feb86659fd93, 0x2545f4914f6cdd1d, 0xda942042e4dd58b5,
}

// fill writes the values of column c of the rows from first on.
func fill[T uint32 | uint64](to []T, c int, first int64) {
	v, step := value(c, first), factors[c]
	for i := range to {
		to[i] = T(v)
		v += step
	}
}

// whole reports whether r is as it was written.
func (r *row) whole() bool {
	for c, v := range r.values {
		want := value(c, r.number)
		if c >= wide {
			want = uint64(uint32(want))
		}
		if v != want {
			return false
		}
	}
	return true
}

// set takes the values at i of the columns.
func (r *row) set(number int64, i int, u *[wide][]uint64, v *[narrow][]uint32) {
	r.number = number
	for c := range u {
		r.values[c] = u[c][i]
	}
	for c := range v {
		r.values[wide+c] = uint64(v[c][i])
	}
}

// chosen returns the number of the row that pick means.
func chosen(front, end int64, pick uint64) int64 { return front + int64(pick%uint64(end-front)) }
