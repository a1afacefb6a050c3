//go:build linux

package arena_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"sync"

	"github.com/growarena/growarena/arena"
)

// A Buffer is used as a bytes.Buffer is, and freed.
func ExampleBuffer() {
	var b arena.Buffer
	defer b.Free()
	b.WriteString("hello, ")
	first := b.Bytes()
	fmt.Fprintf(&b, "world: %s\n", strings.Repeat("!", 5))

	// Growing by a gigabyte copies nothing, and first still is what it was.
	if err := b.TryGrow(1 << 30); err != nil {
		log.Fatal(err)
	}
	first[0] = 'H'
	line, err := b.ReadString('\n')
	fmt.Printf("%q %v\n", line, err)
	// Output: "Hello, world: !!!!!\n" <nil>
}

// Other goroutines read what has been written while one goes on writing.
func ExampleNewBufferIn() {
	a, err := arena.NewArena(arena.Options{Name: "log", Retire: true})
	if err != nil {
		log.Fatal(err)
	}
	b := arena.NewBufferIn(a)
	defer b.Free()

	var reader sync.WaitGroup
	reader.Go(func() {
		for lines := 0; lines < 1000; {
			n := a.Len()
			err := a.Read(func(held []byte) error {
				lines = strings.Count(string(held[:n]), "\n")
				return nil
			})
			if err != nil {
				log.Fatal(err)
			}
		}
		fmt.Println("all lines seen")
	})
	for i := range 1000 {
		if _, err := fmt.Fprintln(b, "line", i); err != nil {
			log.Fatal(err)
		}
	}
	reader.Wait()
	// Output: all lines seen
}

// After Seek a Buffer is a file: it has one position for reads and writes.
func ExampleBuffer_Seek() {
	var b arena.Buffer
	defer b.Free()
	b.WriteString("size=????;data")
	end, _ := b.Seek(0, io.SeekCurrent)
	b.Seek(5, io.SeekStart)
	fmt.Fprintf(&b, "%04d", end)
	b.Seek(0, io.SeekStart)
	fmt.Println(b.String())
	// Output: size=0014;data
}

// Records at their places, in any order; what is left out reads as zeros.
func ExampleBuffer_WriteAt() {
	var b arena.Buffer
	defer b.Free()
	for _, i := range []int64{3, 0} {
		if _, err := b.WriteAt(binary.BigEndian.AppendUint16(nil, uint16(100+i)), 2*i); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(b.Bytes())
	// Output: [0 100 0 0 0 0 0 103]
}

// Append functions write right into the Buffer.
func ExampleBuffer_AvailableBuffer() {
	var b arena.Buffer
	defer b.Free()
	b.Grow(100)
	for i := range 4 {
		p := b.AvailableBuffer()
		p = strconv.AppendInt(p, int64(i*i), 10)
		p = append(p, ' ')
		b.Write(p)
	}
	fmt.Println(b.String())
	// Output: 0 1 4 9
}
