package fuzz

import (
	"bytes"
	"fmt"
	"slices"
)

// slabKind is where an object lives.
type slabKind uint8

const (
	slabIsSmall slabKind = iota
	slabIsMedium
	slabIsLarge
)

// kindOf returns the kind of an object of n bytes.
func (r *slabRun) kindOf(n, alignment int) slabKind {
	if r.debug {
		n += 8 // what is behind it
	}
	switch n = max(n, alignment); {
	case n <= slabSmall:
		return slabIsSmall
	case n <= slabMedium:
		return slabIsMedium
	}
	return slabIsLarge
}

// slabObject is something the allocator has handed out.
type slabObject struct {
	b       []byte // as it was handed out
	kind    slabKind
	words   bool   // through MakeSlice
	seed    byte   // of its pattern
	written int    // bytes of b that hold it; of long ones some pieces
	retired uint64 // the clock when it was; 0: it is not
}

func (o *slabObject) start() uintptr { return addrOf(o.b) }
func (o *slabObject) end() uintptr   { return addrOf(o.b) + uintptr(cap(o.b)) }

// String describes o for an error.
func (o *slabObject) String() string {
	return fmt.Sprintf("an object of %d bytes, capacity %d, at %#x", len(o.b), cap(o.b), o.start())
}

// The pattern of an object is a part of pattern, by its seed. Its period has
// nothing to do with the sizes of anything.
const (
	patternPeriod = 251
	pieceBytes    = 128  // of objects longer than wholeBytes that much is written
	wholeBytes    = 2048 // in each piece, and all of those that are not longer
)

var pattern = func() []byte {
	p := make([]byte, wholeBytes+2*patternPeriod)
	for i := range p {
		p[i] = byte(i % patternPeriod)
	}
	return p
}()

// patternAt returns the n bytes that an object of a seed holds from off on.
func patternAt(seed byte, off, n int) []byte {
	return pattern[(int(seed)+off)%patternPeriod:][:n]
}

// pieces calls f for each part of the first n bytes of o that holds the pattern.
// The parts of fewer bytes are those of more bytes, as far as they go, but for the
// last one.
func (o *slabObject) pieces(n int, f func(off, n int)) {
	if o.written <= wholeBytes {
		f(0, min(n, o.written))
		return
	}
	// Four times as far from the start each time.
	for off := 0; off < n; off = max(4*off, 16<<10) {
		f(off, min(pieceBytes, n-off))
	}
	if tail := o.written - pieceBytes; n == o.written && tail > 0 {
		f(tail, pieceBytes)
	}
}

// write gives o a pattern.
func (r *slabRun) write(o *slabObject) {
	r.seed++
	o.seed, o.written = r.seed, len(o.b)
	o.pieces(o.written, func(off, n int) { copy(o.b[off:off+n], patternAt(o.seed, off, n)) })
}

// look checks that the first n bytes of o, at b, hold its pattern.
func (o *slabObject) look(b []byte, n int) (err error) {
	o.pieces(min(n, o.written), func(off, n int) {
		if got, want := b[off:off+n], patternAt(o.seed, off, n); err == nil && !bytes.Equal(got, want) {
			i := 0
			for got[i] == want[i] {
				i++
			}
			err = fmt.Errorf("byte %d of %v is %#x, want %#x", off+i, o, got[i], want[i])
		}
	})
	return err
}

// find returns where in objects the first is that begins at or after p.
func (r *slabRun) find(p uintptr) int {
	i, _ := slices.BinarySearchFunc(r.objects, p, func(o *slabObject, p uintptr) int {
		if o.start() < p {
			return -1
		}
		return 1
	})
	return i
}

// insert takes o, which was just handed out, into the model. It must not overlap
// any other.
func (r *slabRun) insert(o *slabObject) error {
	i := r.find(o.start())
	r.objects = slices.Insert(r.objects, i, o)
	r.count(o, 1)
	for _, j := range [2]int{i - 1, i + 1} {
		if j < 0 || j >= len(r.objects) {
			continue
		}
		if q := r.objects[j]; q.start() < o.end() && o.start() < q.end() {
			return fmt.Errorf("%v overlaps %v", o, q)
		}
	}
	return nil
}

// remove takes o out of the model.
func (r *slabRun) remove(o *slabObject) {
	i := r.find(o.start())
	r.objects = slices.Delete(r.objects, i, i+1)
	r.count(o, -1)
}

// count adds o to the sums, or takes it out.
func (r *slabRun) count(o *slabObject, sign int) {
	s, n := &r.sum, sign*cap(o.b)
	s.objects += sign
	s.bytes += n
	switch o.kind {
	case slabIsMedium:
		s.mediumObjects += sign
		s.mediumBytes += n
	case slabIsLarge:
		s.largeObjects += sign
		s.largeBytes += n
	}
	if o.retired != 0 {
		s.waiting += sign
		s.waitingBytes += int64(n)
	}
}

// near checks o and what lies beside it.
func (r *slabRun) near(o *slabObject) error {
	i := r.find(o.start())
	for _, q := range r.objects[max(i-1, 0):min(i+2, len(r.objects))] {
		if err := q.look(q.b, q.written); err != nil {
			return err
		}
	}
	return nil
}

// intact checks all objects.
func (r *slabRun) intact() error {
	for _, o := range r.objects {
		if err := o.look(o.b, o.written); err != nil {
			return err
		}
	}
	return nil
}

// agree compares what the allocator and the domain count with the model.
func (r *slabRun) agree() error {
	s, m := r.a.Stats(), &r.sum
	got := []int{s.LargeObjects, s.LargeBytes}
	want := []int{m.largeObjects, m.largeBytes}
	switch {
	case !r.debug:
		got = append(got, s.MediumObjects, s.MediumBytes)
		want = append(want, m.mediumObjects, m.mediumBytes)
		if len(r.locals) == 0 {
			got, want = append(got, s.Objects, s.Live), append(want, m.objects, m.bytes)
		}
	case s.LargeObjects == m.largeObjects: // Behind each lie 8 bytes.
		got[1], want[1] = s.LargeBytes, m.largeBytes+8*m.largeObjects
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("large, medium and all objects with their bytes are %v, want %v", got, want)
	}
	if s.Objects < m.objects || s.Live < m.bytes || s.Charged < s.Live || s.Refused != 0 {
		return fmt.Errorf("%+v, and there should be %+v", s, *m)
	}
	charged := s.MediumBytes + s.LargeBytes + s.Held
	for _, c := range s.Classes {
		charged += c.Bytes
	}
	if s.Charged != charged {
		return fmt.Errorf("%d bytes are charged, want %d: %+v", s.Charged, charged, s)
	}
	if r.limit > 0 && s.Charged > r.limit {
		return fmt.Errorf("%d bytes are charged, the limit is %d", s.Charged, r.limit)
	}
	if d := r.d.Stats(); d.Retired != m.waiting || d.RetiredBytes != m.waitingBytes || d.Pinned != len(r.pins) {
		return fmt.Errorf("%d retired, %d bytes, %d pinned, want %d, %d, %d",
			d.Retired, d.RetiredBytes, d.Pinned, m.waiting, m.waitingBytes, len(r.pins))
	}
	return nil
}

// agreeExactly is agree for when nothing is at anybody's hand: of classes, too.
func (r *slabRun) agreeExactly() error {
	s := r.a.Stats()
	if s.Objects != r.sum.objects || s.Kept != 0 || s.Held != 0 {
		return fmt.Errorf("after Trim there are %d objects, %d bytes kept, %d held; want %d objects",
			s.Objects, s.Kept, s.Held, r.sum.objects)
	}
	if r.debug {
		return r.agree()
	}
	classes := make(map[int]int)
	for _, o := range r.objects {
		if o.kind == slabIsSmall {
			classes[cap(o.b)]++
		}
	}
	for _, c := range s.Classes {
		if classes[c.Size] != c.Objects || c.Objects == 0 || c.Free != c.Bytes-c.Objects*c.Size {
			return fmt.Errorf("of %d bytes there are %d objects, Stats says %+v", c.Size, classes[c.Size], c)
		}
		delete(classes, c.Size)
	}
	if len(classes) > 0 {
		return fmt.Errorf("no Stats of objects of %v", classes)
	}
	return r.agree()
}
