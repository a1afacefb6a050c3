// Package align rounds sizes and addresses to powers of two.
//
// It states once how this library treats overflow: Up says whether the result
// fits, so that no caller has to guess whether a huge request wrapped around.
package align

// Int is any integer a size or an address is counted in.
type Int interface {
	~int | ~int64 | ~uint64 | ~uintptr
}

// Down rounds n down to a multiple of to, which must be a power of two.
func Down[T Int](n, to T) T { return n &^ (to - 1) }

// Up rounds n up to a multiple of to, which must be a power of two, and
// reports false where the result does not fit into T.
func Up[T Int](n, to T) (T, bool) {
	r := (n + to - 1) &^ (to - 1)
	return r, r >= n
}

// Is reports whether n is a multiple of to, which must be a power of two.
func Is[T Int](n, to T) bool { return n&(to-1) == 0 }

// IsPow2 reports whether n is a power of two.
func IsPow2[T Int](n T) bool { return n > 0 && n&(n-1) == 0 }
