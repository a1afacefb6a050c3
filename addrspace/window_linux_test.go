//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

func TestWindow_Life(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	w := reserve(t, s, 64*mib, ReserveOptions{Name: "life"})
	if w.Size() != 64*mib || w.Name() != "life" || w.Mapped() != 0 || uintptr(w.Base()) != w.Range().Start {
		t.Errorf("window %v of %d bytes at %v, %d mapped", w, w.Size(), w.Base(), w.Mapped())
	}
	fd := memfd(t, 8*mib)
	for off := 0; off < 8*mib; off += 2 * mib {
		ok(t, w.MapFile(off, 2*mib, fd, int64(off), readWrite))
		s.agree(t)
	}
	if st := s.Stats(); st.VMAs != 2 || st.MappedBytes != 8*mib {
		t.Errorf("%d VMAs, %d bytes mapped; want 2 and 8 MiB", st.VMAs, st.MappedBytes)
	}
	w.data(8 * mib)[5*mib] = 7
	ok(t, w.Extend(64*mib))
	if w.Size() != 128*mib {
		t.Errorf("%d bytes long after Extend", w.Size())
	}
	s.agree(t)
	ok(t, w.Unmap(2*mib, 2*mib))
	ok(t, w.Unmap(2*mib, 2*mib)) // Reserved already
	if w.Mapped() != 6*mib || w.data(8 * mib)[5*mib] != 7 {
		t.Errorf("%d bytes mapped", w.Mapped())
	}
	s.agree(t)
	ok(t, w.Quarantine())
	ok(t, w.Quarantine())
	if st := s.Stats(); st.VMAs != 1 || st.Quarantined != 1 || st.QuarantinedBytes != 128*mib || st.MappedBytes != 0 {
		t.Errorf("after Quarantine: %+v", st)
	}
	s.agree(t)
	ok(t, w.Release())
	s.agree(t)
}

func TestWindow_SizeIsRoundedUp(t *testing.T) {
	s := newSpace(t, Options{})
	if w := reserve(t, s, 1, ReserveOptions{}); w.Size() != Alignment {
		t.Errorf("%d bytes", w.Size())
	}
	w := reserve(t, s, 3*gib+1, ReserveOptions{})
	if w.Size() != 3*gib+Alignment || w.Range().Start%gib != 0 {
		t.Errorf("%v of %d bytes", w, w.Size())
	}
	ok(t, w.Extend(1))
	if w.Size() != 3*gib+2*Alignment {
		t.Errorf("%d bytes", w.Size())
	}
}

// TestWindow_Rehome moves page tables to a longer window and back again: both
// windows show the same bytes throughout.
func TestWindow_Rehome(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	fd := memfd(t, 16*mib)
	w, v := reserve(t, s, 16*mib, ReserveOptions{}), reserve(t, s, 64*mib, ReserveOptions{})
	ok(t, w.Rehome(v)) // nothing mapped
	mapFile(t, w, 16*mib, fd)
	for i := 0; i < 16*mib; i += 4096 {
		w.data(16 * mib)[i] = byte(i >> 12)
	}
	ok(t, w.Rehome(v))
	if v.Mapped() != w.Mapped() {
		t.Errorf("%d bytes mapped, %d there", w.Mapped(), v.Mapped())
	}
	s.agree(t)
	for i := 0; i < 16*mib; i += 4096 {
		if b := v.data(16 * mib)[i]; b != byte(i>>12) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
	w.data(1)[0] = 42
	if v.data(1)[0] != 42 {
		t.Error("a write to the old window does not show in the new one")
	}
	// A tail behind the moved part is one VMA with it.
	ok(t, sys.Truncate(fd, 32*mib))
	ok(t, v.MapFile(16*mib, 16*mib, fd, 16*mib, readWrite))
	if len(v.segs) != 1 {
		t.Errorf("segments %+v", v.segs)
	}
	s.agree(t)
}

// TestWindow_RehomePart moves the page tables of what lies in the middle of one window
// to the middle of another.
func TestWindow_RehomePart(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	fd := memfd(t, 16*mib)
	w, v := reserve(t, s, 16*mib, ReserveOptions{}), reserve(t, s, 64*mib, ReserveOptions{})
	mapFile(t, w, 16*mib, fd)
	w.data(16 * mib)[5*mib] = 42
	ok(t, w.RehomePart(4*mib, 2*mib, v, 8*mib))
	s.agree(t)
	// What goes on there in the file is one VMA with it.
	ok(t, v.MapFile(10*mib, 6*mib, fd, 6*mib, readWrite))
	if len(v.segs) != 1 || v.segs[0].fileOff != 4*mib {
		t.Errorf("segments %+v", v.segs)
	}
	s.agree(t)
	if b := v.data(16 * mib)[9*mib]; b != 42 {
		t.Errorf("the byte is %d", b)
	}
}

// TestWindow_RehomePartWithin moves page tables within a window: both places show the same bytes.
func TestWindow_RehomePartWithin(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	fd := memfd(t, 16*mib)
	w := reserve(t, s, 64*mib, ReserveOptions{})
	mapFile(t, w, 16*mib, fd)
	w.data(16 * mib)[5*mib] = 42
	ok(t, w.RehomePart(4*mib, 2*mib, w, 16*mib))
	ok(t, w.RehomePart(6*mib, 2*mib, w, 18*mib)) // As in the file: one VMA with it.
	s.agree(t)
	w.data(20 * mib)[19*mib] = 43
	if b := w.data(20 * mib); b[17*mib] != 42 || b[5*mib] != 42 || b[7*mib] != 43 || len(w.segs) != 2 {
		t.Errorf("%d, %d, %d, segments %+v", b[17*mib], b[5*mib], b[7*mib], w.segs)
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "bytes Reserved there") {
			t.Errorf("over what is mapped: panic %q", text)
		}
	}()
	_ = w.RehomePart(4*mib, 2*mib, w, 5*mib)
}

// TestWindow_Duplicate maps what one window shows in another one as well, longer than it is
// there, without a descriptor: both show the same bytes, as one VMA each.
func TestWindow_Duplicate(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	fd, err := sys.Memfd("addrspace test", 0)
	ok(t, err)
	ok(t, sys.Truncate(fd, 32*mib))
	w, v := reserve(t, s, 16*mib, ReserveOptions{}), reserve(t, s, 64*mib, ReserveOptions{})
	mapFile(t, w, 16*mib, fd)
	ok(t, sys.Close(fd))
	w.data(16 * mib)[5*mib] = 42
	ok(t, w.Duplicate(4*mib, 28*mib, v, 8*mib))
	if b := v.data(64 * mib)[9*mib]; b != 42 || v.Mapped() != 28*mib {
		t.Errorf("the byte is %d, %d are mapped", b, v.Mapped())
	}
	v.data(64 * mib)[36*mib-1] = 43 // The last of the file, which w does not reach.
	s.agree(t)
	// What comes before it is one VMA with it, and moves with it.
	ok(t, w.Duplicate(0, 4*mib, v, 4*mib))
	if len(v.segs) != 1 {
		t.Errorf("segments %+v", v.segs)
	}
	far := reserve(t, s, 64*mib, ReserveOptions{})
	if err := v.RehomePart(4*mib, 32*mib, far, 0); err != nil {
		t.Skip(err)
	}
	if b := far.data(64 * mib); b[5*mib] != 42 || b[32*mib-1] != 43 {
		t.Errorf("after a move %d and %d", b[5*mib], b[32*mib-1])
	}
	s.agree(t)
}

// TestWindow_MapAlias maps memory of others a second time: it stays when they unmap theirs,
// and writes to either show in both.
func TestWindow_MapAlias(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	theirs, err := unix.Mmap(-1, 0, 4*mib, readWrite, unix.MAP_SHARED|unix.MAP_ANON)
	ok(t, err)
	theirs[mib], theirs[3*mib] = 1, 3
	from := uintptr(unsafe.Pointer(&theirs[0]))
	w := reserve(t, s, 8*mib, ReserveOptions{})
	ok(t, w.MapAlias(2*mib, 3*mib, from+mib))
	ok(t, w.MapAlias(6*mib, 2*mib, from))
	s.agree(t)
	b := w.data(8 * mib)
	if b[2*mib] != 1 || b[4*mib] != 3 || b[7*mib] != 1 {
		t.Errorf("%d, %d, %d", b[2*mib], b[4*mib], b[7*mib])
	}
	b[2*mib] = 42
	if theirs[mib] != 42 {
		t.Error("a write to the alias does not show")
	}
	ok(t, unix.Munmap(theirs))
	if b[2*mib] != 42 || b[7*mib] != 42 {
		t.Errorf("when theirs is gone: %d, %d", b[2*mib], b[7*mib])
	}
	private, err := unix.Mmap(-1, 0, 2*mib, readWrite, unix.MAP_PRIVATE|unix.MAP_ANON)
	ok(t, err)
	if err := w.MapAlias(0, 2*mib, uintptr(unsafe.Pointer(&private[0]))); !errors.Is(err, sys.EINVAL) {
		t.Errorf("of private memory: %v", err)
	}
	ok(t, unix.Munmap(private))
	s.agree(t)
	ok(t, w.MapFile(0, 2*mib, memfd(t, 2*mib), 0, readWrite)) // Reserved as before.
	s.agree(t)
}

func TestWindow_Misuse(t *testing.T) {
	s := newSpace(t, Options{})
	other := newSpace(t, Options{Seed: 2})
	fd := memfd(t, 4*mib)
	w := reserve(t, s, 4*mib, ReserveOptions{Name: "misused"})
	short := reserve(t, s, 2*mib, ReserveOptions{})
	foreign := reserve(t, other, 4*mib, ReserveOptions{})
	mapFile(t, w, 4*mib, fd)
	gone := reserve(t, s, 2*mib, ReserveOptions{Name: "gone"})
	ok(t, gone.Release())
	shut := reserve(t, s, 2*mib, ReserveOptions{})
	ok(t, shut.Quarantine())
	split := reserve(t, s, 8*mib, ReserveOptions{})
	ok(t, split.MapFile(2*mib, 2*mib, fd, 0, readWrite))

	at := gone.String()
	tests := map[string]struct {
		f    func()
		text []string
	}{
		"reserve nothing":               {func() { s.Reserve(0, ReserveOptions{}) }, []string{"addrspace: Reserve of 0 bytes"}},
		"minimum above the size":        {func() { s.Reserve(1, ReserveOptions{Min: 2}) }, []string{"Reserve of 1 bytes, at least 2"}},
		"released twice":                {func() { gone.Release() }, []string{"addrspace: Release of window " + at + ": it was released"}},
		"range after release":           {func() { gone.Range() }, []string{"Range of window " + at}},
		"base after release":            {func() { gone.Base() }, []string{"Base of window " + at}},
		"size after release":            {func() { gone.Size() }, []string{"Size of window " + at}},
		"name after release":            {func() { gone.Name() }, []string{"Name of window " + at}},
		"mapped after release":          {func() { gone.Mapped() }, []string{"Mapped of window " + at}},
		"extend after release":          {func() { gone.Extend(1) }, []string{"Extend of window " + at}},
		"touched after release":         {func() { gone.SetTouched(1) }, []string{"SetTouched of window " + at}},
		"map after release":             {func() { gone.MapFile(0, 4096, fd, 0, 0) }, []string{"MapFile of window " + at}},
		"unmap after release":           {func() { gone.Unmap(0, 4096) }, []string{"Unmap of window " + at}},
		"quarantine after release":      {func() { gone.Quarantine() }, []string{"Quarantine of window " + at}},
		"rehome after release":          {func() { gone.Rehome(w) }, []string{"Rehome of window " + at}},
		"rehome to a released one":      {func() { w.Rehome(gone) }, []string{"Rehome of window " + at}},
		"extend by nothing":             {func() { w.Extend(0) }, []string{"Extend of window", "by 0 bytes"}},
		"extend in quarantine":          {func() { shut.Extend(1) }, []string{"it is quarantined"}},
		"map in quarantine":             {func() { shut.MapFile(0, 4096, fd, 0, 0) }, []string{"it is quarantined"}},
		"map half a page":               {func() { w.MapFile(0, 2048, fd, 0, 0) }, []string{"MapFile of 2048 bytes at 0", "not whole pages"}},
		"map beyond the end":            {func() { w.MapFile(2*mib, 4*mib, fd, 0, 0) }, []string{"not whole pages inside it"}},
		"map what is mapped":            {func() { w.MapFile(2*mib, 2*mib, fd, 0, 0) }, []string{"part of it is mapped"}},
		"unmap before the start":        {func() { w.Unmap(-4096, 4096) }, []string{"Unmap of 4096 bytes at -4096"}},
		"unmap nothing":                 {func() { w.Unmap(0, 0) }, []string{"Unmap of 0 bytes"}},
		"rehome to itself":              {func() { w.Rehome(w) }, []string{"not two windows of a Space"}},
		"rehome to another Space":       {func() { w.Rehome(foreign) }, []string{"not two windows of a Space"}},
		"rehome to a shorter window":    {func() { w.Rehome(short) }, []string{"no 4194304 bytes Reserved there"}},
		"rehome what is no prefix":      {func() { split.Rehome(w) }, []string{"not a prefix"}},
		"rehome a part not mapped":      {func() { split.RehomePart(0, 2*mib, w, 0) }, []string{"part of it is not mapped"}},
		"rehome over something mapped":  {func() { w.Rehome(split) }, []string{"Reserved there"}},
		"rehome to a quarantined one":   {func() { w.Rehome(shut) }, []string{"it is quarantined"}},
		"duplicate of nothing":          {func() { split.Duplicate(0, 2*mib, w, 0) }, []string{"Duplicate of 2097152 bytes at 0", "nothing is mapped there"}},
		"duplicate over something":      {func() { w.Duplicate(0, 4*mib, split, 0) }, []string{"Reserved there"}},
		"duplicate to another Space":    {func() { w.Duplicate(0, 64<<10, foreign, 0) }, []string{"Duplicate of window", "not two windows of a Space"}},
		"duplicate half a page":         {func() { w.Duplicate(0, 2048, short, 0) }, []string{"Duplicate of 2048 bytes at 0", "not whole pages"}},
		"duplicate from within a page":  {func() { w.Duplicate(100, 4096, short, 0) }, []string{"Duplicate of 4096 bytes at 100", "not whole pages"}},
		"duplicate in quarantine":       {func() { w.Duplicate(0, 64<<10, shut, 0) }, []string{"it is quarantined"}},
		"alias over what is mapped":     {func() { w.MapAlias(0, 64<<10, w.start) }, []string{"MapAlias of 65536 bytes at 0", "part of it is mapped"}},
		"alias half a page":             {func() { short.MapAlias(0, 2048, w.start) }, []string{"not whole pages"}},
		"rehome from a quarantined one": {func() { shut.Rehome(w) }, []string{"it is quarantined"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { mustPanic(t, tt.f, tt.text...) })
	}
	s.agree(t)
}

// TestWindow_BadFile lets the kernel refuse the file itself.
func TestWindow_BadFile(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	w := reserve(t, s, 4*mib, ReserveOptions{})
	if err := w.MapFile(0, 2*mib, -1, 0, readWrite); err == nil {
		t.Error("mapped no file")
	}
	s.agree(t)
	if err := w.MapFile(0, 2*mib, memfd(t, 2*mib), 1, readWrite); !errors.Is(err, sys.EINVAL) {
		t.Errorf("offset of half a page: %v", err)
	}
	if w.Mapped() != 0 {
		t.Errorf("%d bytes mapped", w.Mapped())
	}
	s.agree(t)
}
