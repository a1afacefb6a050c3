package stream

import (
	"errors"
	"slices"
	"sync"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// spare is the files of a track, and what of them nobody sees any more: it is used again for
// what comes. Whole extents are warm, with memory and what stood there, or cold, without and
// zero. Parts of extents are given back at once, and counted until there is all of it.
//
//	live ──drop, no guard left──▶ warm ──more than is kept──▶ cold
//	  ▲                            │                           │
//	  └────────── extend ──────────┴───────────────────────────┘
type spare struct {
	mu      sync.Mutex
	files   []*memfile.File   // The last one becomes longer. Protected by mu, but for what punching does.
	warm    runs              // Protected by mu.
	cold    runs              // Protected by mu.
	pieces  map[extent]pieces // of extents that are not all here. Protected by mu.
	refused []run             // of those, what the kernel has not taken back. Protected by mu.
	over    int64             // bytes in warm that it has not. Protected by mu.
	lacking bool              // It makes no holes here. Protected by mu.
	users   int               // who punch now: the last one closes the files, if they are to be closed. Protected by mu.
	closed  bool              // They are to be closed. Protected by mu.
}

// pieces is how much of an extent is here, and how much of that the kernel has not taken back.
type pieces struct{ here, kept int64 }

// pop takes at most n bytes in whole extents, those at next or the oldest: warm ones if there are any,
// or cold ones if there are any where sparse is set, for what may not be touched all over.
func (sp *spare) pop(n int64, sparse bool, next extent) (r run, warm bool) {
	if memfile.InPlace {
		return run{}, false // It would be at two places.
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sparse {
		if r = sp.cold.pop(n, next); r.len() > 0 || !sp.lacking {
			return r, false
		}
	}
	if r = sp.warm.pop(n, next); r.len() > 0 {
		sp.over = min(sp.over, sp.warm.bytes)
		return r, true
	}
	return sp.cold.pop(n, next), false
}

// has reports whether pop has what it takes first: something warm, or n bytes that are cold.
func (sp *spare) has(n int64, sparse bool) bool {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sparse && !sp.lacking {
		return sp.cold.bytes >= n
	}
	return sp.warm.bytes > 0
}

// unpop gives back what pop has taken, and was not written to, or what a file has become longer by.
func (sp *spare) unpop(r run, warm bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if warm {
		sp.warm.push(r)
	} else {
		sp.cold.push(r)
	}
}

// put takes what nobody sees any more. It keeps the memory of so many bytes, in whole extents,
// for what comes, and gives the rest back. Nothing is locked meanwhile: that may take long.
func (sp *spare) put(list []run, keep int64) {
	work, lacking, ok := sp.begin(list, keep)
	if !ok {
		return
	}
	var refused []run
	for i, r := range work {
		n := int64(0)
		if !lacking {
			var err error
			n, err = punch(r)
			lacking = errors.Is(err, memfile.ErrNoPunch)
		}
		given, rest := r.cut(n)
		work[i] = given
		if rest.len() > 0 {
			refused = append(refused, rest)
		}
	}
	sp.done(work, refused, lacking)
}

// warmUp is put of what is kept, and returns the rest.
func (sp *spare) warmUp(list []run, keep int64) (rest []run) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.closed {
		return nil
	}
	for _, r := range list {
		head, r, tail := r.split()
		whole, more := r.cut(min(r.len(), max(align.Down(keep-sp.warm.bytes, extentSize), 0)))
		if whole.len() > 0 {
			sp.warm.push(whole)
		}
		for _, part := range [3]run{head, more, tail} {
			if part.len() > 0 {
				rest = append(rest, part)
			}
		}
	}
	return rest
}

// begin returns what is to be given back, and whether the file system knows no holes; false if
// the files are to be closed. Until done they stay open.
func (sp *spare) begin(list []run, keep int64) (work []run, lacking, ok bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.closed {
		return nil, false, false
	}
	sp.users++
	work, sp.refused = append(work, sp.refused...), nil
	for _, r := range work { // It is put once more.
		sp.count(r, -r.len(), -r.len())
	}
	for _, r := range list {
		head, whole, tail := r.split()
		if whole.len() > 0 {
			sp.warm.push(whole)
		}
		for _, part := range [2]run{head, tail} {
			if part.len() > 0 {
				work = append(work, part)
			}
		}
	}
	sp.over = 0
	if sp.lacking {
		sp.over = max(sp.warm.bytes-keep, 0)
	}
	for sp.warm.bytes > keep && !sp.lacking {
		work = append(work, sp.warm.pop(sp.warm.bytes-keep, extent{}))
	}
	return work, sp.lacking, true
}

// done ends begin: given is what was given back.
func (sp *spare) done(given, refused []run, lacking bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.users--
	sp.lacking = sp.lacking || lacking
	if sp.closed {
		sp.closeUnused()
		return
	}
	for _, r := range given {
		sp.settle(r, false)
	}
	for _, r := range refused {
		sp.settle(r, true)
	}
	for _, f := range sp.files[:len(sp.files)-1] {
		if sp.cold.of(f) == int64(f.Size()) { // There were several for want of length.
			sp.cold.drop(f)
			sp.files = slices.DeleteFunc(sp.files, func(g *memfile.File) bool { return g == f })
			f.Close()
			break
		}
	}
}

// settle enters r, which was given back, or not. What was refused of whole extents is warm: it
// is used again, or tried again.
//
// Preconditions: mu is held.
func (sp *spare) settle(r run, refused bool) {
	for r.len() > 0 {
		if n := align.Down(r.len(), extentSize); align.Is(r.from, extentSize) && n > 0 {
			var whole run
			whole, r = r.cut(n)
			if refused {
				sp.warm.push(whole)
				sp.over += n
			} else {
				sp.cold.push(whole)
			}
			continue
		}
		var piece run
		piece, r = r.cut(min(align.Down(r.from, extentSize)+extentSize-r.from, r.len()))
		kept := int64(0)
		if refused {
			kept = piece.len()
			sp.refused = append(sp.refused, piece)
		}
		sp.count(piece, piece.len(), kept)
	}
}

// count counts pieces of the extent that r is in, and enters it if all of it is here.
//
// Preconditions: mu is held.
func (sp *spare) count(r run, here, kept int64) {
	start := align.Down(r.from, extentSize)
	key := extent{r.file, start}
	p := sp.pieces[key]
	p.here, p.kept = p.here+here, p.kept+kept
	switch {
	case p.here == 0:
		delete(sp.pieces, key)
		return
	case p.here < extentSize:
		if sp.pieces == nil {
			sp.pieces = make(map[extent]pieces)
		}
		sp.pieces[key] = p
		return
	}
	delete(sp.pieces, key)
	whole := run{r.file, start, start + extentSize, r.at - (r.from - start)}
	if p.kept == 0 {
		sp.cold.push(whole)
		return
	}
	sp.refused = slices.DeleteFunc(sp.refused, func(q run) bool {
		return q.file == r.file && align.Down(q.from, extentSize) == start
	})
	sp.warm.push(whole)
	sp.over += p.kept
}

// stuck returns the bytes that are dropped, are not kept for what comes, and could not be given back.
func (sp *spare) stuck() (n int64) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	for _, r := range sp.refused {
		n += r.len()
	}
	return n + sp.over
}

// last returns the file that becomes longer.
func (sp *spare) last() *memfile.File {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.files[len(sp.files)-1]
}

// add adds a file that becomes longer from here on.
func (sp *spare) add(f *memfile.File) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.files = append(sp.files, f)
}

// stats returns how many files there are, and the memory they hold.
func (sp *spare) stats() (files, committed int) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.closed {
		return 0, 0
	}
	for _, f := range sp.files {
		committed += f.Allocated()
	}
	return len(sp.files), committed
}

// close closes the files, when nobody punches them any more. What is mapped of them lives on.
func (sp *spare) close() {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.closed, sp.refused, sp.over = true, nil, 0
	sp.closeUnused()
}

// closeUnused closes the files if nobody punches.
//
// Preconditions: mu is held; closed is set.
func (sp *spare) closeUnused() {
	if sp.users > 0 {
		return
	}
	for _, f := range sp.files {
		f.Close()
	}
	sp.files = nil
}
