package fuzz

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/slab"
)

func (r *slabRun) opRealloc() error {
	o := r.pick()
	n := r.size()
	if o != nil && n&1 == 1 && len(r.objects) < slabLive {
		// A little more than it has: a class, or a few pages.
		n = cap(o.b) + 1 + r.in.size(4*slabPage)
	}
	if o == nil {
		b, err := r.a.Realloc(nil, n)
		if err != nil {
			return r.refused(err, n, n)
		}
		return r.got(b, n, 1)
	}
	if n == 0 && !o.words {
		b := o.b
		err := r.near(o)
		r.remove(o)
		if got, e := r.a.Realloc(b, 0); e != nil || got == nil || cap(got) != 0 {
			err = errors.Join(err, fmt.Errorf("reallocated to 0 bytes it is %v, %v", got, e))
		}
		return err
	}
	if o.words {
		return r.growWords(o, n/8)
	}
	old, keep := o.b, min(len(o.b), n)
	b, err := r.a.Realloc(old, n)
	if err != nil {
		if err := o.look(o.b, o.written); err != nil {
			return err
		}
		return r.refused(err, n, n)
	}
	if err := o.look(b, keep); err != nil {
		return fmt.Errorf("after Realloc from %d to %d bytes: %w", len(old), n, err)
	}
	return r.reallocated(o, b, n)
}

// reallocated goes on after o, which is still in the model as it was, became b of
// n bytes.
func (r *slabRun) reallocated(o *slabObject, b []byte, n int) error {
	stays := addrOf(b) == o.start()
	was, wasKind := cap(o.b), o.kind
	r.remove(o)
	o.b = b
	if !stays && wasKind != slabIsLarge {
		o.kind = r.kindOf(n, 1)
	}
	if err := r.insert(o); err != nil {
		return err
	}
	switch {
	case r.debug && wasKind != slabIsLarge:
		if stays {
			return fmt.Errorf("%v has not moved in debug mode", o)
		}
	case wasKind == slabIsSmall && n <= was && (n > was/2 || was <= 64) ||
		wasKind == slabIsMedium && n <= was && n > slabSmall ||
		wasKind == slabIsLarge && n <= was:
		if !stays {
			return fmt.Errorf("%v has moved, though it had a capacity of %d", o, was)
		}
	}
	if !stays {
		if err := r.checkShape(o, n); err != nil {
			return err
		}
	}
	if len(b) != n || cap(b) < n {
		return fmt.Errorf("%v, want %d bytes", o, n)
	}
	r.write(o)
	return r.near(o)
}

// growWords makes a typed slice longer or shorter: more words are zero.
func (r *slabRun) growWords(o *slabObject, n int) error {
	if n == 0 {
		return nil
	}
	old := len(o.b)
	s, err := slab.GrowSlice(r.a, wordsOf(o.b), n)
	if err != nil {
		if err := o.look(o.b, o.written); err != nil {
			return err
		}
		return r.refused(err, 8*n, 8*n)
	}
	b := bytesOf(s)
	if err := o.look(b, min(old, 8*n)); err != nil {
		return fmt.Errorf("after GrowSlice from %d to %d bytes: %w", old, 8*n, err)
	}
	if 8*n > old {
		if err := zeros(b[old:]); err != nil {
			return fmt.Errorf("GrowSlice from %d to %d bytes: %w", old, 8*n, err)
		}
	}
	return r.reallocated(o, b, 8*n)
}

// opMany allocates several of a size.
func (r *slabRun) opMany() error {
	n := min(r.size(), slabMedium/4)
	if n == 0 {
		return nil
	}
	way := r.way()
	for range min(r.in.below(128), 256<<10/n) {
		if len(r.objects) >= slabLive {
			break
		}
		b, err := way.Alloc(n)
		if err != nil {
			return r.refused(err, n, n)
		}
		if err := r.got(b, n, 1); err != nil {
			return err
		}
	}
	return nil
}

// opFreeMany frees several that lie side by side, or each second or third one.
func (r *slabRun) opFreeMany() error {
	if len(r.objects) == 0 {
		return nil
	}
	i, count, step := r.in.below(len(r.objects)), r.in.byte(), r.in.below(3)
	if count >= 250 {
		return r.freeAll()
	}
	for ; count > 0 && i < len(r.objects); count-- {
		o := r.objects[i]
		if o.retired != 0 {
			i++
			continue
		}
		if err := r.free(o); err != nil {
			return err
		}
		i += step
	}
	return nil
}

// freeAll frees all but what is retired at once.
func (r *slabRun) freeAll() error {
	if err := r.intact(); err != nil {
		return err
	}
	r.a.FreeAll()
	for i := 0; i < len(r.objects); {
		o := r.objects[i]
		if o.retired != 0 {
			i++
			continue
		}
		r.remove(o)
		r.freed[r.freedAt%len(r.freed)] = o.b
		r.freedAt++
	}
	return r.intact()
}
