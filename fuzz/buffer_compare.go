package fuzz

import (
	"bytes"
	"fmt"
)

// expect notes what the operation has changed beyond what the models know.
func (r *bufferRun) expect(op bufferOp, before int, o outcome, first bool) {
	emptied := op == opReset || op == opTruncate && r.model().Len() == 0 && !o.panicked
	if r.file == nil {
		if op.writes() && r.moves {
			r.dropHeld(-1)
		}
		r.moves = r.moves || r.pipe.Len() < before
	}
	if emptied || r.file != nil && op == opTruncate {
		r.dropHeld(-1)
	}
	if first && op == opSeek && o.err != "" {
		r.file = nil // It remains a pipe.
	}
	if emptied {
		r.beEmpty()
	}
	empty := (op == opReadBytes || op == opReadString) && o.data == ""
	if r.file == nil && (o.panicked || op == opGrow || empty) {
		// A difference that is ours to make: what can be unread after a panic;
		// after a Grow that has dropped what was read; and after a read of nothing,
		// where bytes.Buffer does not do as its documentation says.
		r.b.Write(nil)
		r.pipe.Buffer.Write(nil)
		r.wrote = true
		return
	}
	switch {
	case op <= opReadFrom:
		r.wrote = true
	case op == opPeek, op == opTruncate && !emptied, op == opGrow, o.panicked:
	case o.err != "" && (op == opUnreadByte || op == opUnreadRune || op == opSeek):
	default:
		r.wrote = false
	}
}

// beEmpty begins anew, after Reset or Truncate(0).
func (r *bufferRun) beEmpty() {
	r.pipe.Reset()
	if r.disk == nil {
		r.file = nil
	}
	r.moves = false
	r.wrote = false
}

// beFile begins to expect a file: its bytes are those the arena holds, the last
// of them unread.
func (r *bufferRun) beFile() error {
	var held []byte
	if r.b.Arena() != nil {
		held = bytes.Clone(r.b.Arena().Bytes())
	}
	if !bytes.HasSuffix(held, r.pipe.Bytes()) {
		return fmt.Errorf("the arena does not end with what is unread")
	}
	r.file = &fileModel{data: held, limit: r.limit, off: len(held) - r.pipe.Len(), last: -2}
	if !r.wrote {
		r.file.last = 0
		r.b.Truncate(r.b.Len()) // Nothing to be unread.
		r.pipe.Truncate(r.pipe.Len())
		if r.b.Len() == 0 { // That was a Reset.
			r.dropHeld(-1)
			r.file = &fileModel{limit: r.limit}
		}
	}
	return nil
}

// compare compares the Buffer with its model: all of it, or what fits the time.
func (r *bufferRun) compare(all bool) error {
	got, want := r.b.Bytes(), r.model().Bytes()
	if len(got) != len(want) || r.b.Len() != len(want) || cap(got) != len(got) {
		return fmt.Errorf("%d bytes of capacity %d, Len %d, want %d", len(got), cap(got), r.b.Len(), len(want))
	}
	if n := len(got); !all && n > bufferAllMax {
		const edge = bufferAllMax / 4
		if !bytes.Equal(got[:edge], want[:edge]) || !bytes.Equal(got[n-edge:], want[n-edge:]) {
			return fmt.Errorf("one end of the content differs")
		}
	} else if !bytes.Equal(got, want) {
		return fmt.Errorf("the content differs")
	}
	a := r.b.Arena()
	if a == nil {
		return nil
	}
	end := a.Len()
	if r.file != nil {
		if end != len(r.file.data) {
			return fmt.Errorf("%d bytes are held, want %d", end, len(r.file.data))
		}
		if all && !bytes.Equal(a.Bytes(), r.file.data) {
			return fmt.Errorf("bytes before the position differ")
		}
		end = max(end, r.file.gapEnd())
	}
	if r.b.Cap() != a.Cap() || a.Cap() > r.limit || r.b.Available() != max(a.Cap()-end, 0) {
		return fmt.Errorf("Cap %d, Available %d, the arena's Cap %d, Len %d, Limit %d", r.b.Cap(), r.b.Available(), a.Cap(), a.Len(), a.Limit())
	}
	return r.compareHeld()
}
