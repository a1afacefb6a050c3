package fuzz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// bufferSizeMax bounds one operation.
	bufferSizeMax = 2 << 20

	// bufferHeldMax bounds the bytes held: beyond, the Buffer is emptied.
	bufferHeldMax = 12 << 20

	// bufferOpsMax bounds the operations of a program.
	bufferOpsMax = 400

	// firstCap is the capacity after the first growth.
	firstCap = 2 << 20

	// bufferAllMax bounds the content of which all is compared after each
	// operation. Beyond it is the ends, and all now and then and in the end.
	bufferAllMax = 16 << 10
)

// rungSets are the growth ladders on which an arena can always grow: without
// any rung but that of the next free byte it could not.
var rungSets = [...]arena.Rungs{
	0,
	arena.RungInWindow | arena.RungExtend | arena.RungAlias,
	arena.RungInWindow | arena.RungRehome | arena.RungAlias,
	arena.RungInWindow | arena.RungAlias,
}

// bufferRun is one run of the target "buffer": an arena.Buffer beside a
// bytes.Buffer while it is a pipe and beside a fileModel from the first Seek,
// ReadAt or WriteAt until it is emptied.
type bufferRun struct {
	in    *input
	trace trace
	b     *arena.Buffer
	limit int
	most  int // bytes in one operation
	disk  *os.File

	pipe *pipeModel
	file *fileModel // nil while the Buffer is a pipe

	held []heldSlice

	// wrote is whether the last operation was a write: what a position is then.
	wrote bool

	// moves is whether a write may move bytes: some have been read, or dropped.
	moves bool
}

// runBuffer is Target.Run of "buffer".
func runBuffer(program []byte) error {
	r := &bufferRun{in: newInput(program, int(bufferOps)), limit: math.MaxInt}
	err := protect(func() error {
		if err := r.start(); err != nil {
			return fmt.Errorf("start: %w", err)
		}
		for n := 0; r.in.more() && n < bufferOpsMax; n++ {
			if err := r.step(n); err != nil {
				return err
			}
		}
		return r.compare(true)
	})
	ended := protect(r.end)
	if err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("%v: %w", r.trace, err)
	}
	return nil
}

// start makes the Buffer as the program's first bytes say.
func (r *bufferRun) start() error {
	switch class := r.in.below(64); { // Mostly little: that is fast.
	case class < 2:
		r.most = bufferSizeMax
	case class < 8:
		r.most = 64 << 10
	default:
		r.most = 2 << 10
	}
	r.pipe = &pipeModel{limit: math.MaxInt}
	switch kind := r.in.below(16); kind {
	case 0:
		r.trace.add("zero Buffer")
		r.b = new(arena.Buffer)
	case 1, 2:
		n := r.in.size(r.most)
		p := noiseAt(n, 1)
		r.trace.add("NewBuffer", n)
		if kind == 1 {
			r.b = arena.NewBuffer(p)
		} else {
			r.b = arena.NewBufferString(string(p))
		}
		r.pipe.Write(p)
	default:
		return r.startIn(kind)
	}
	return nil
}

// startIn makes a Buffer in an arena with options.
func (r *bufferRun) startIn(kind int) error {
	o := arena.Options{Name: "fuzz buffer", Reserve: 2 << 20, Rungs: rungSets[r.in.below(len(rungSets))]}
	switch r.in.below(4) {
	case 0:
		o.Retire = true
	case 1:
		o.Domain = epoch.NewDomain(epoch.Options{})
	}
	if r.in.below(2) == 0 {
		o.Headroom = -1
	}
	if r.in.below(4) == 0 {
		o.Limit = 1 + r.in.size(bufferHeldMax/2)
		r.limit = o.Limit
	}
	content, zeros := 0, 0
	switch kind {
	case 3, 4:
		content = min(r.in.size(r.most), r.limit)
		if err := r.onFile(&o, content); err != nil {
			return err
		}
	case 5: // Nearly as much as the first growth makes room for, and the limit is near.
		zeros = firstCap - r.in.size(4096)
		r.limit = firstCap + r.in.size(4096)
		o.Limit = r.limit
	}
	r.trace.add("NewBufferIn", o.Limit, content, zeros)
	a, err := arena.NewArena(o)
	if err != nil {
		return err
	}
	if _, err = a.Alloc(zeros); err != nil {
		return errors.Join(err, a.Free())
	}
	r.b = arena.NewBufferIn(a)
	r.pipe.limit = r.limit
	r.pipe.Write(make([]byte, zeros))
	if r.disk != nil {
		r.file = &fileModel{data: bytes.Clone(noiseAt(content, 2)), limit: r.limit}
	}
	return nil
}

// onFile makes the arena one on a file of the caller's.
func (r *bufferRun) onFile(o *arena.Options, content int) error {
	fd, err := sys.Memfd("fuzz", 0)
	if err != nil {
		return err
	}
	r.disk = os.NewFile(uintptr(fd), "fuzz")
	o.File = r.disk
	_, err = r.disk.Write(noiseAt(content, 2))
	return err
}

// model returns what the Buffer should be.
func (r *bufferRun) model() buffer {
	if r.file != nil {
		return r.file
	}
	return r.pipe
}

// step does the next operation.
func (r *bufferRun) step(i int) error {
	op := bufferOp(r.in.op())
	n := r.in.size(r.most)
	k := r.in.byte()<<8 | r.in.byte()
	if end := r.model().Len(); end > bufferHeldMax || r.b.Cap() > 2*bufferHeldMax || r.file != nil && r.file.off > bufferHeldMax {
		op = opReset
	}
	r.trace.add(bufferOpNames[op], n, k)
	switch op {
	case opHold:
		return r.hold(n, k)
	case opDrop:
		r.dropHeld(k)
		return nil
	}
	first := op >= pipeOps && r.file == nil
	if first {
		if err := r.beFile(); err != nil {
			return err
		}
	}
	before := r.model().Len()
	want := op.do(r.model(), n, k)
	got := op.do(r.b, n, k)
	if got != want {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if a := r.b.Arena(); op == opGrow && a != nil && a.Len() == r.b.Len() && r.b.UnreadByte() == nil {
		return fmt.Errorf("a byte that is no longer held was unread")
	}
	r.expect(op, before, want, first)
	return r.compare(i%8 == 0)
}

// end frees the Buffer, and looks at the file it was on.
func (r *bufferRun) end() error {
	r.dropHeld(-1)
	if r.disk != nil {
		defer r.disk.Close()
	}
	if r.b == nil {
		return nil
	}
	a := r.b.Arena()
	if err := r.b.Free(); err != nil {
		return err
	}
	if a == nil {
		return nil
	}
	if d := a.Domain(); d != nil {
		if err := d.Barrier(context.Background()); err != nil {
			return err
		}
	}
	if r.disk == nil || r.file == nil {
		return nil
	}
	p := make([]byte, len(r.file.data)+1)
	n, err := r.disk.ReadAt(p, 0)
	if n != len(r.file.data) || err != io.EOF || !bytes.Equal(p[:n], r.file.data) {
		return fmt.Errorf("the file holds %d bytes (%v) after Free, want %d, or other ones", n, err, len(r.file.data))
	}
	return nil
}
