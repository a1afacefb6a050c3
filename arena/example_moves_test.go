//go:build linux && !portable

package arena_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/growarena/growarena/arena"
)

func ExampleArena_AllocSparse() {
	a := must(arena.NewArena(arena.Options{Name: "hash table"}))
	defer a.Free()
	for range 64 {
		must(a.AllocSparse(2 << 20)) // Alloc would prepare memory from the second on.
	}
	s := a.Stats()
	fmt.Println(s.Len>>20, s.Committed)
	// Output: 128 0
}

// A ring buffer without a seam: the same pages twice in a row.
func ExampleArena_Alias() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	size := os.Getpagesize()
	must(a.Alloc(size))
	ring, err := a.Alias(arena.AliasOptions{Len: size, Repeat: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ring.Release()
	b := ring.Bytes()
	copy(b[size-2:], "wrap") // Two bytes at the end, two at the beginning.
	fmt.Printf("%s %s\n", b[:2], b[size-2:size+2])
	// Output: ap wrap
}

// Reset keeps the memory, Trim gives it back.
func ExampleArena_Reset() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	must(a.Alloc(1 << 20))[7] = 1
	a.Reset()
	fmt.Println(a.Len(), a.Stats().Committed > 0, must(a.Alloc(8))[7])
	a.Reset()
	if err := a.Trim(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Stats().Committed)
	// Output:
	// 0 true 0
	// 0
}

// An arena on a file of the caller's: its bytes are the file's, and while it lives no other
// arena gets the file.
func ExampleOptions_file() {
	path := filepath.Join(must(os.MkdirTemp("", "")), "log")
	defer os.RemoveAll(filepath.Dir(path))
	file := must(os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666))
	defer file.Close()
	a := must(arena.NewArena(arena.Options{Name: "log", File: file}))
	copy(must(a.Alloc(5)), "hello")
	_, err := arena.NewArena(arena.Options{File: file})
	fmt.Println(errors.Is(err, arena.ErrInUse))
	if err := a.Free(); err != nil {
		panic(err)
	}
	fmt.Printf("%q\n", must(os.ReadFile(path)))
	// Output:
	// true
	// "hello"
}

// The backing file is an ordinary file to whoever gets it.
func ExampleArena_File() {
	a := must(arena.NewArena(arena.Options{Name: "shared"}))
	defer a.Free()
	copy(must(a.Alloc(5)), "hello")
	f := must(a.File())
	defer f.Close()
	b := must(io.ReadAll(io.NewSectionReader(f, 0, int64(a.Len()))))
	fmt.Printf("%s\n", b)
	// Output: hello
}

// A descriptor that can write is for somebody who is trusted with the bytes: what he writes
// shows in the arena.
func ExampleArena_WritableFile() {
	a := must(arena.NewArena(arena.Options{Name: "shared"}))
	defer a.Free()
	b := must(a.Alloc(5))
	f := must(a.WritableFile())
	defer f.Close()
	must(f.WriteAt([]byte("hello"), int64(a.Offset(b))))
	fmt.Printf("%s\n", b)
	// Output: hello
}

func ExampleCatchFault() {
	a := must(arena.NewArena(arena.Options{Name: "index"}))
	defer a.Free()
	must(a.Alloc(8192))
	ro, err := a.Alias(arena.AliasOptions{ReadOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ro.Release()
	err = arena.CatchFault(nil, func() error {
		ro.Bytes()[100] = 1
		return nil
	})
	var fault *arena.FaultError
	fmt.Println(errors.As(err, &fault), fault.Offset, fault.Window)
	// Output: true 100 index alias
}

func ExampleFeatures() {
	for _, f := range arena.Features() {
		if f.Name == "alias" {
			fmt.Println(f.Use, f.Err)
		}
	}
	// Output: growing into a bigger window by a second mapping <nil>
}
