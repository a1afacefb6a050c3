package arena

import (
	"cmp"
	"fmt"
	"math"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// AliasOptions say what an [Alias] shows. The zero value shows all of [0, Len),
// writable, once.
type AliasOptions struct {
	// Off and Len are the range of the arena to show. Multiples of the page size,
	// within [0, Cap), of which the last page may be a part. Len 0 means up to the
	// arena's Len, its last page included.
	//
	// What is beyond the arena's Len can be written to through an alias that is not
	// ReadOnly, so Alloc clears that when it hands it out.
	Off, Len int

	// ReadOnly makes a store through the alias fault.
	ReadOnly bool

	// Repeat shows the range so many times in a row, so that a ring buffer can be
	// read and written across its end without a seam. 0 means once.
	Repeat int
}

// Alias is a second mapping of a range of an arena, or of memory of others ([AliasOf]):
// the same bytes at other addresses. It stays until Release, through growth and Free of the arena; as long as it
// shows a caller's file, that is neither cut nor unlocked.
type Alias struct {
	_ [0]sync.Mutex // go vet finds copies.

	name   string
	window *addrspace.Window
	off, n int    // of the bytes in it
	gone   func() // nil: nobody waits for it
}

// Alias maps a range of the arena a second time. Panics if the range is not
// within [0, Cap), is not of whole pages, or is empty.
func (a *Arena) Alias(o AliasOptions) (*Alias, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.load()
	// Of a page that the capacity ends in there is all in the file, or it reads as zero.
	most, ok := align.Up(v.Cap, a.file.Page())
	if !ok {
		most = align.Down(v.Cap, a.file.Page())
	}
	if o.Len == 0 {
		o.Len = min(align.Down(a.Len()+a.file.Page()-1, a.file.Page()), most) - o.Off
	}
	a.checkRange("Alias", o.Off, o.Len, most)
	if !align.Is(o.Off, a.file.Page()) || !align.Is(o.Len, a.file.Page()) || o.Len == 0 {
		panic(fmt.Sprintf("arena: Alias of %q: [%d, %d) is not a range of pages of %d bytes", a.name, o.Off, o.Off+o.Len, a.file.Page()))
	}
	repeat := max(o.Repeat, 1)
	if o.Repeat < 0 || repeat > math.MaxInt/o.Len {
		panic(fmt.Sprintf("arena: Alias of %q: Repeat is %d for %d bytes", a.name, o.Repeat, o.Len))
	}
	prot := sys.ProtRead | sys.ProtWrite
	if o.ReadOnly {
		prot = sys.ProtRead
	} else if err := cmp.Or(a.refuseShared("make a writable alias of"), a.refuseTracked("make a writable alias of")); err != nil {
		return nil, err
	}
	w, err := a.mapping.Space.Reserve(o.Len*repeat, addrspace.ReserveOptions{Name: a.name + " alias", Compact: true, MapAll: true, Align: a.file.Page()})
	for i := 0; err == nil && i < repeat; i++ {
		err = w.MapFile(i*o.Len, o.Len, a.file.Fd(), int64(o.Off), prot)
	}
	if err != nil {
		if w != nil {
			mapping.Release(w)
		}
		return nil, fmt.Errorf("arena: alias [%d, %d) of %q: %w", o.Off, o.Off+o.Len, a.name, err)
	}
	l := &Alias{name: a.name, window: w, n: o.Len * repeat}
	if !o.ReadOnly {
		a.writable(o.Off + o.Len)
	}
	if !a.file.Memfd() {
		l.gone = a.shown.hold()
	}
	return l, nil
}

// Bytes returns the alias's bytes: the range, as often as it is repeated. Panics
// after Release.
func (l *Alias) Bytes() []byte {
	if l.window == nil {
		panic(fmt.Sprintf("arena: use of an alias of %q after Release", l.name))
	}
	return bytesAt(l.window.Base(), l.off+l.n)[l.off:]
}

// Release gives the addresses back. No slice from Bytes may be in use any more.
// Panics if the alias has been released. Not safe for concurrent use.
func (l *Alias) Release() {
	l.Bytes()
	mapping.Release(l.window)
	l.window = nil
	if l.gone != nil {
		l.gone()
	}
}

// checkRange panics unless [off, off+n) lies within [0, limit).
func (a *Arena) checkRange(method string, off, n, limit int) {
	if off < 0 || n < 0 || off > limit || n > limit-off {
		panic(fmt.Sprintf("arena: %s of %q: %d bytes at %d are not within [0, %d)", method, a.name, n, off, limit))
	}
}

// noteHole tells who tracks writes that [off, off+n) of the file was made a hole, which no window shows.
// It is called after that: what was copied before counts as written.
func (a *Arena) noteHole(off, n int) {
	if t := a.track.Load(); t != nil {
		t.note(off, n)
	}
}

// punch makes [off, off+n) read as zero and gives its memory back, if the system can.
//
// Preconditions: mu is held; the range lies within the capacity.
func (a *Arena) punch(off, n int) error {
	defer a.noteHole(off, n)
	if _, err := memfile.Zero(a.file.Fd(), int64(off), a.mapping.View().Addr(off), n); err != nil {
		return fmt.Errorf("arena: decommit [%d, %d) of %q: %w", off, off+n, a.name, err)
	}
	return nil
}
