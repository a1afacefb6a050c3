package arena

import (
	"fmt"
	"math"
	"reflect"

	"github.com/growarena/growarena/internal/pointerfree"
)

// New returns a zeroed T in the arena, aligned for it. It panics if T contains
// pointers, which the garbage collector would not see there, or if the arena
// cannot grow; [TryNew] returns that as an error. The shape is that of Go's
// experimental package arena. For how long the pointer is valid the arena's
// pointer rule says.
func New[T any](a *Arena) *T {
	p, err := TryNew[T](a)
	if err != nil {
		panic(err)
	}
	return p
}

// TryNew is New with an error where the arena cannot grow.
func TryNew[T any](a *Arena) (*T, error) {
	s, err := TryMakeSlice[T](a, 1, 1)
	if err != nil {
		return nil, err
	}
	return &s[0], nil
}

// MakeSlice returns a slice of zeroed T in the arena, of length n and the given
// capacity. Panics as [New] does, and if 0 <= n <= capacity does not hold.
func MakeSlice[T any](a *Arena, n, capacity int) []T {
	s, err := TryMakeSlice[T](a, n, capacity)
	if err != nil {
		panic(err)
	}
	return s
}

// TryMakeSlice is MakeSlice with an error where the arena cannot grow.
func TryMakeSlice[T any](a *Arena, n, capacity int) ([]T, error) {
	if n < 0 || capacity < n {
		panic(fmt.Sprintf("arena: MakeSlice in %q: length %d, capacity %d", a.name, n, capacity))
	}
	v, off, err := allocFor[T](a, capacity)
	if err != nil {
		return nil, err
	}
	return sliceAt[T](v, off, capacity)[:n], nil
}

// allocFor is alloc for n values of T.
func allocFor[T any](a *Arena, n int) (*view, int, error) {
	size, alignment := layout[T]()
	if size > 0 && n > math.MaxInt/size {
		return nil, 0, a.growError(a.Len(), math.MaxInt, ErrFull)
	}
	return a.alloc(n*size, alignment)
}

// Clone returns a copy of v in the arena. Panics as [New] does. What v is made
// of must be in v: a T with pointers, a string or a slice included, panics; for
// slices there is [CloneSlice].
func Clone[T any](a *Arena, v T) *T {
	return &clone(a, v)[0]
}

// CloneSlice returns a copy of s in the arena, with no spare capacity. Panics as
// [New] does.
func CloneSlice[T any](a *Arena, s []T) []T {
	return clone(a, s...)
}

// clone copies s into the arena, under a pin: what it returns may be of a window that
// the arena has left meanwhile.
func clone[T any](a *Arena, s ...T) []T {
	v, off, err := allocFor[T](a, len(s))
	if err != nil {
		panic(err)
	}
	a.touch(func(v *view) { copy(sliceAt[T](v, off, len(s)), s) })
	return sliceAt[T](v, off, len(s))
}

// PointerFree returns nil if values of type T contain no pointers, and so may lie in
// memory that the garbage collector does not see, else an error that says where the
// first pointer is. What puts values of its users into an arena calls it when it is
// made; the functions here check for themselves.
func PointerFree[T any]() error {
	if path := pointerfree.Pointer[T](); path != "" {
		return fmt.Errorf("arena: %v contains a pointer (%s): the garbage collector does not look there; store a Ref or an offset instead",
			reflect.TypeFor[T](), path)
	}
	return nil
}

// Ref is a link to a T in an arena: its offset, plus one, so that the zero Ref
// refers to nothing. It holds no pointer, so it may itself lie in the arena, and
// it is right in every window, after every growth, and in another process that
// maps the same file.
type Ref[T any] struct{ off1 int }

// RefTo returns a Ref to p, which must lie in a window of the arena: panics if it
// does not.
func RefTo[T any](a *Arena, p *T) Ref[T] {
	a.load()
	off, ok := a.mapping.Offset(addressOf(p))
	if !ok {
		panic(fmt.Sprintf("arena: RefTo in %q of a %T that is in none of its windows", a.name, p))
	}
	return Ref[T]{off + 1}
}

// IsNil reports whether r refers to nothing.
func (r Ref[T]) IsNil() bool { return r.off1 == 0 }

// Offset returns the offset in the arena. Panics if r refers to nothing.
func (r Ref[T]) Offset() int {
	if r.IsNil() {
		panic(fmt.Sprintf("arena: Offset of a nil %T", r))
	}
	return r.off1 - 1
}

// In returns what r refers to in a, or nil if it refers to nothing. Panics if it
// is not within [0, Cap) or not aligned for T, as a Ref of another arena may be.
func (r Ref[T]) In(a *Arena) *T { return r.in(a.name, a.load()) }

// At returns what r refers to in the view that g pins; see [Ref.In].
func (r Ref[T]) At(g *Guard) *T { return r.in(g.arena.name, g.held.View) }

func (r Ref[T]) in(name string, v *view) *T {
	if r.IsNil() {
		return nil
	}
	size, alignment := layout[T]()
	off := r.off1 - 1
	if off < 0 || size > v.Cap || off > v.Cap-size || off&(alignment-1) != 0 {
		panic(fmt.Sprintf("arena: %T to offset %d does not fit %q with a capacity of %d bytes", r, off, name, v.Cap))
	}
	return &sliceAt[T](v, off, 1)[0]
}

// layout returns size and alignment of T, and panics if it contains pointers.
func layout[T any]() (size, alignment int) {
	mustBePointerFree[T]()
	return sizeOf[T]()
}

// mustBePointerFree panics unless values of type T contain no pointers.
func mustBePointerFree[T any]() {
	if pointerfree.Pointer[T]() != "" {
		panic(PointerFree[T]().Error())
	}
}
