package ingest

import "bytes"

// part is the scan of one block, [from, to) of the stream, for the lines that
// begin in it. It goes on from call to call of scan.
type part struct {
	from, to int

	// begun says that the block itself has been scanned. Then only its last line
	// can be missing: it begins at line, and has no '\n' before seen.
	begun      bool
	line, seen int

	tally
}

// newPart returns the scan of the i-th block of size bytes.
func newPart(i, size int) part { return part{from: i * size, to: (i + 1) * size} }

// need returns how much of the stream must be there for the next scan to get
// anywhere.
func (p *part) need() int {
	if p.begun {
		return p.seen + 1
	}
	return p.to
}

// scan goes on with b, the stream as far as it is there: all of it if ended. It
// looks at no more bytes than the block is long, unless a line is longer than
// that. It reports whether the part is complete.
//
// Preconditions: len(b) >= need(), or ended.
func (p *part) scan(m *matcher, b []byte, ended bool) bool {
	size := p.to - p.from
	if !p.begun {
		p.begun = true
		to := min(p.to, len(b))
		start, ok := p.firstLine(b[:to])
		if !ok {
			return true
		}
		p.line = start + bytes.LastIndexByte(b[start:to], '\n') + 1
		p.seen = to
		p.add(m.count(b[start:p.line]))
		if p.line == to {
			return true
		}
	}
	look := b[p.seen:min(p.seen+size, len(b))]
	end := p.seen + len(look)
	if n := bytes.IndexByte(look, '\n'); n >= 0 {
		end = p.seen + n
	} else if !ended || end < len(b) {
		p.seen = end
		return false
	}
	p.add(m.count(b[p.line:end]))
	return true
}

// firstLine returns where the first line of the block begins. b ends with the
// block.
func (p *part) firstLine(b []byte) (int, bool) {
	if p.from >= len(b) {
		return 0, false
	}
	if p.from == 0 {
		return 0, true
	}
	// A line begins behind a '\n'. One at the very end of b begins a line of the
	// next block.
	n := bytes.IndexByte(b[p.from-1:len(b)-1], '\n')
	return p.from + n, n >= 0
}
