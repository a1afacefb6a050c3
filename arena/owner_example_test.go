package arena_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/growarena/growarena/arena"
)

// Index is a value that its users drop without a Close, as an interface of another
// library may have it: it owns memory that the garbage collector does not see.
type Index struct {
	arena *arena.Arena
	words []byte
	lost  runtime.Cleanup
}

// NewIndex ties the arena to its owner: when nobody can reach the Index any more,
// the arena is freed. The function must not hold the Index, or that would be for
// ever, so it gets the arena alone.
func NewIndex(words string) (*Index, error) {
	a, err := arena.NewArena(arena.Options{Name: "index"})
	if err != nil {
		return nil, err
	}
	x := &Index{arena: a}
	x.lost = runtime.AddCleanup(x, func(a *arena.Arena) { _ = a.Free() }, a)
	if x.words, err = a.Alloc(len(words)); err != nil {
		return nil, err // And the cleanup frees the arena.
	}
	copy(x.words, words)
	return x, nil
}

// Count looks at memory of the arena. A slice of it keeps the Index from nothing: the
// last thing this function needs of x is the slice, and from then on x may be
// collected and the memory be gone. KeepAlive is what keeps it until the count is
// done.
func (x *Index) Count(word string) int {
	n := strings.Count(string(x.words), word)
	runtime.KeepAlive(x)
	return n
}

// WriteTo gives the memory to others, and keeps it until they are done with it. To
// return the slice would need somebody else to call KeepAlive.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(x.words)
	runtime.KeepAlive(x)
	return int64(n), err
}

// Close frees the memory at once, for those who can say when.
func (x *Index) Close() error {
	x.lost.Stop()
	err := x.arena.Free()
	runtime.KeepAlive(x) // Or the cleanup could come before Stop.
	return err
}

// An owner for what others may drop without closing it: runtime.AddCleanup frees,
// runtime.KeepAlive says until when the memory is used. Whoever can close it does:
// memory that is dropped waits for a garbage collection, which does not know how much
// it is.
func Example_owner() {
	x := must(NewIndex("one two one"))
	defer x.Close()
	fmt.Println(x.Count("one"))
	// Output: 2
}
