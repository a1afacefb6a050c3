package addrspace_test

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
)

// file makes a memory file of n bytes and maps the first mapped of it into a new window,
// or returns nil where windows do not exist.
func file(s *addrspace.Space, o addrspace.ReserveOptions, n, mapped int) (w *addrspace.Window, fd int) {
	fd, err := sys.Memfd("example", 0)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, -1
	} else if err != nil {
		panic(err)
	}
	if err := sys.Truncate(fd, int64(n)); err != nil {
		panic(err)
	}
	if w, err = s.Reserve(mapped, o); err != nil {
		panic(err)
	}
	if err := w.MapFile(0, mapped, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
		panic(err)
	}
	return w, fd
}

// A window of a file becomes longer under its readers: where it is, or in another place.
// Then the old window is retired, and released when no reader is left that may use it.
func ExampleWindow_Grow() {
	var s addrspace.Space
	w, fd := file(&s, addrspace.ReserveOptions{}, 64<<20, 2<<20)
	if w == nil {
		fmt.Println("HELLO, 64 MiB")
		return
	}
	defer sys.Close(fd)
	copy(w.Bytes(0, 5), "hello")

	readers := epoch.NewDomain(epoch.Options{})
	born, _ := readers.Publish(w)
	g, _ := readers.Pin() // a reader
	seen := g.Value().(*addrspace.Window).Bytes(0, 5)

	next, err := w.Grow(64 << 20)
	if err != nil {
		panic(err)
	}
	if err := next.MapFile(2<<20, 62<<20, fd, 2<<20, sys.ProtRead|sys.ProtWrite); err != nil {
		panic(err)
	}
	if next != w {
		readers.Publish(next, epoch.Retired{Birth: born, Bytes: int64(w.Size()), Free: func() { w.Release() }})
	}
	copy(next.Bytes(0, 5), "HELLO")
	fmt.Printf("%s, %d MiB\n", seen, next.Mapped()>>20)

	g.Unpin()
	readers.Shutdown(context.Background())
	if err := errors.Join(next.Release(), s.Trim()); err != nil {
		panic(err)
	}
	// Output: HELLO, 64 MiB
}

// What the kernel is told of a window holds for all that is mapped there, and for the
// windows it grows to.
func ExampleReserveOptions() {
	var s addrspace.Space
	w, fd := file(&s, addrspace.ReserveOptions{
		Name:   "index",
		Advice: []int{sys.AdviseNoHugePage}, // unix.MADV_NOHUGEPAGE
		Align:  1 << 30,
	}, 2<<20, 2<<20)
	if w == nil {
		fmt.Println("1 GiB of addresses at a multiple of that: true")
		return
	}
	defer sys.Close(fd)
	fmt.Println(w.Size()>>30, "GiB of addresses at a multiple of that:", w.Range().Start%(1<<30) == 0)
	if err := errors.Join(w.Release(), s.Trim()); err != nil {
		panic(err)
	}
	// Output: 1 GiB of addresses at a multiple of that: true
}

// A part of a window that has outgrown its place goes to a window of its own, with its
// page tables.
func ExampleWindow_RehomePart() {
	var s addrspace.Space
	many, fd := file(&s, addrspace.ReserveOptions{}, 8<<20, 8<<20)
	if many == nil {
		fmt.Println("the third, written through the old place")
		return
	}
	defer sys.Close(fd)
	third := many.Bytes(4<<20, 2<<20)
	n := copy(third, "the third, ")

	own := reserve(&s, 64<<20, addrspace.ReserveOptions{})
	if err := many.RehomePart(4<<20, 2<<20, own, 0); err != nil {
		// Linux before 5.13: map the file a second time.
		if err := own.MapFile(0, 2<<20, fd, 4<<20, sys.ProtRead|sys.ProtWrite); err != nil {
			panic(err)
		}
	}
	n += copy(third[n:], "written through the old place")
	fmt.Printf("%s\n", own.Bytes(0, n))
	if err := errors.Join(many.Release(), own.Release(), s.Trim()); err != nil {
		panic(err)
	}
	// Output: the third, written through the old place
}

// A window that is mapped far beyond what is used says so, and is released faster.
func ExampleWindow_SetTouched() {
	var s addrspace.Space
	w, fd := file(&s, addrspace.ReserveOptions{}, 1<<30, 1<<30)
	if w == nil {
		fmt.Println("1 GiB mapped, 5 bytes touched")
		return
	}
	defer sys.Close(fd)
	w.SetTouched(0)
	b := w.Bytes(0, 5)
	w.SetTouched(len(b)) // before they are
	copy(b, "hello")
	fmt.Println(w.Mapped()>>30, "GiB mapped,", len(b), "bytes touched")
	if err := errors.Join(w.Release(), s.Trim()); err != nil {
		panic(err)
	}
	// Output: 1 GiB mapped, 5 bytes touched
}

// An address at which the process has faulted is told apart: of a window that is held, of
// one that was released, or of something else.
func ExampleSpace_Places() {
	var s addrspace.Space
	w := reserve(&s, 2<<20, addrspace.ReserveOptions{Name: "index"})
	if w == nil {
		fmt.Println("a window\nno window any more")
		return
	}
	at := w.Range().Start
	for range 2 {
		switch {
		case s.Lookup(at) != nil:
			fmt.Println("a window")
			if err := w.Release(); err != nil {
				panic(err)
			}
		case s.Places(at), bits.UintSize == 32: // The kernel places windows among 32 bits.
			fmt.Println("no window any more")
		default:
			fmt.Println("not ours")
		}
	}
	s.Trim()
	// Output:
	// a window
	// no window any more
}

// A Range is half-open, like the indices of a slice.
func ExampleRange() {
	r := addrspace.Range{Start: 0x10000, End: 0x20000}
	fmt.Println(r, r.Len(), r.Contains(0x1ffff), r.Contains(0x20000), r.Overlaps(addrspace.Range{Start: 0x20000, End: 0x30000}))
	// Output: 0x10000-0x20000 65536 true false false
}
