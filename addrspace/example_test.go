package addrspace_test

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// A window is reserved large and mapped as far as it is needed. Growing maps
// more of the file behind what is there: nothing moves.
func Example() {
	fd, err := sys.Memfd("example", 0)
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("2 MiB mapped, then 4: hello")
		return
	} else if err != nil {
		panic(err)
	}
	defer sys.Close(fd)
	if err := sys.Truncate(fd, 4<<20); err != nil {
		panic(err)
	}

	var space addrspace.Space
	w, err := space.Reserve(1<<30, addrspace.ReserveOptions{Name: "example"})
	if err != nil {
		panic(err)
	}
	if err := w.MapFile(0, 2<<20, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
		panic(err)
	}
	b := unsafe.Slice((*byte)(w.Base()), w.Mapped())
	copy(b, "hello")
	fmt.Print(w.Mapped()>>20, " MiB mapped")

	if err := w.MapFile(2<<20, 2<<20, fd, 2<<20, sys.ProtRead|sys.ProtWrite); err != nil {
		panic(err)
	}
	fmt.Printf(", then %d: %s\n", w.Mapped()>>20, b[:5])

	if err := w.Release(); err != nil {
		panic(err)
	}
	if err := space.Trim(); err != nil {
		panic(err)
	}
	// Output: 2 MiB mapped, then 4: hello
}

// reserve is Reserve for examples, which also run where windows do not exist.
func reserve(s *addrspace.Space, size int, o addrspace.ReserveOptions) *addrspace.Window {
	w, err := s.Reserve(size, o)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		panic(err)
	}
	return w
}

// Small windows of a known size are best placed together, and one Space serves
// the whole process.
func ExampleDefault() {
	w := reserve(addrspace.Default(), 64<<10, addrspace.ReserveOptions{Compact: true})
	if w != nil {
		defer w.Release()
	}
	fmt.Println(w == nil || w.Size() == addrspace.Alignment)
	// Output: true
}

// An error says which limit refused a window, and what to change. Min accepts
// less where there is less.
func ExampleSpace_Reserve() {
	s := addrspace.New(addrspace.Options{MaxVMAs: 1})
	defer s.Trim()
	if w := reserve(s, 1<<30, addrspace.ReserveOptions{Min: 1 << 20}); w != nil {
		defer w.Release()
	}
	_, err := s.Reserve(1<<30, addrspace.ReserveOptions{})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		fmt.Println("true")
	case errors.Is(err, addrspace.ErrNoSpace):
		fmt.Println(err.Error() == "addrspace: reserve 1073741824 bytes: no address space: "+
			"too many mappings: 1 mappings in use, and Options.MaxVMAs is 1")
	}
	// Output: true
}

// Lookup tells whose an address is, such as that of a fault.
func ExampleSpace_Lookup() {
	var s addrspace.Space
	defer s.Trim()
	if w := reserve(&s, 1<<20, addrspace.ReserveOptions{Name: "index"}); w != nil {
		defer w.Release()
		fmt.Println(s.Lookup(w.Range().Start+4096).Name(), s.Lookup(w.Range().End))
	} else {
		fmt.Println("index <nil>")
	}
	// Output: index <nil>
}

// All visits the windows in order of address.
func ExampleSpace_All() {
	var s addrspace.Space
	defer s.Trim()
	for range 3 {
		reserve(&s, 1<<20, addrspace.ReserveOptions{})
	}
	var last uintptr
	ordered := true
	for w := range s.All() {
		ordered = ordered && w.Range().Start > last
		last = w.Range().Start
		w.Release()
	}
	fmt.Println(ordered, s.Stats().Windows)
	// Output: true 0
}

// Extend makes a window longer where it is, if nothing lies behind it.
func ExampleWindow_Extend() {
	var s addrspace.Space
	defer s.Trim()
	w := reserve(&s, 64<<20, addrspace.ReserveOptions{})
	if w == nil {
		fmt.Println("true")
		return
	}
	defer w.Release()
	err := w.Extend(64 << 20)
	if errors.Is(err, addrspace.ErrNoSpace) {
		// Reserve a longer one and rehome.
		fmt.Println(w.Size() == 64<<20)
		return
	}
	fmt.Println(err == nil && w.Size() == 128<<20)
	// Output: true
}

// Rehome brings a full window to a longer one by moving its page tables. Who
// still has the old addresses goes on reading and writing the same bytes.
func ExampleWindow_Rehome() {
	fd, err := sys.Memfd("example", 0)
	if err != nil {
		fmt.Println("written before, written through the old window")
		return
	}
	defer sys.Close(fd)
	if err := sys.Truncate(fd, 2<<20); err != nil {
		panic(err)
	}
	var s addrspace.Space
	defer s.Trim()
	old := reserve(&s, 2<<20, addrspace.ReserveOptions{})
	if err := old.MapFile(0, 2<<20, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
		panic(err)
	}
	a := unsafe.Slice((*byte)(old.Base()), 64)
	copy(a, "written before, ")

	longer := reserve(&s, 64<<20, addrspace.ReserveOptions{})
	if err := old.Rehome(longer); err != nil {
		// Linux before 5.13: map the file a second time.
		if err := longer.MapFile(0, 2<<20, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
			panic(err)
		}
	}
	b := unsafe.Slice((*byte)(longer.Base()), 64)
	n := copy(a[16:], "written through the old window")
	fmt.Println(string(b[:16+n]))

	for _, w := range []*addrspace.Window{old, longer} {
		if err := w.Release(); err != nil {
			panic(err)
		}
	}
	// Output: written before, written through the old window
}

// Quarantine is for the time in which somebody may still have a pointer into a
// window: it faults instead of reading what came later.
func ExampleWindow_Quarantine() {
	var s addrspace.Space
	defer s.Trim()
	w := reserve(&s, 2<<20, addrspace.ReserveOptions{})
	if w == nil {
		fmt.Println("1 quarantined, then 0")
		return
	}
	if err := w.Quarantine(); err != nil {
		panic(err)
	}
	fmt.Print(s.Stats().Quarantined, " quarantined")
	// ... when nobody can have one any more:
	if err := w.Release(); err != nil {
		fmt.Println("tried again later:", err)
	}
	fmt.Println(", then", s.Stats().Quarantined)
	// Output: 1 quarantined, then 0
}

// A released window is kept to be handed out again without a system call.
func ExampleWindow_Release() {
	var s addrspace.Space
	for range 3 {
		if w := reserve(&s, 2<<20, addrspace.ReserveOptions{}); w != nil {
			w.Release()
		}
	}
	st := s.Stats()
	fmt.Println(st.Reserves == 0 || st.Reserves == 3 && st.Recycled == 2 && st.Cached == 1)
	s.Trim() // gives it back
	fmt.Println(s.Stats().Cached)
	// Output:
	// true
	// 0
}

// Unmap takes a part of the file out of the window. The addresses stay ours.
func ExampleWindow_Unmap() {
	fd, err := sys.Memfd("example", 0)
	if err != nil {
		fmt.Println("4 MiB mapped, then 2")
		return
	}
	defer sys.Close(fd)
	var s addrspace.Space
	defer s.Trim()
	w := reserve(&s, 8<<20, addrspace.ReserveOptions{})
	defer w.Release()
	if err := w.MapFile(0, 4<<20, fd, 0, sys.ProtRead); err != nil {
		panic(err)
	}
	fmt.Print(w.Mapped()>>20, " MiB mapped")
	if err := w.Unmap(2<<20, 2<<20); err != nil {
		panic(err)
	}
	fmt.Println(", then", w.Mapped()>>20)
	// Output: 4 MiB mapped, then 2
}
