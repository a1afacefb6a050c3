//go:build heapbacked

package sys

import (
	"bytes"
	"runtime"
	"slices"
	"testing"
	"unsafe"
)

// TestHeap: what is reserved stays where it is and what it is while only its address is known, in
// parts as well; a part that is mapped again is zero; and in the end nothing is held.
func TestHeap(t *testing.T) {
	const page, n = 1 << 16, 64 << 16
	before := len(heap.ranges)
	at, err := Reserve(0, n)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := Memfd("heap", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	bytesOf := func(addr uintptr) []byte { return unsafe.Slice((*byte)(Pointer(addr)), page) }
	full := func(b []byte, v byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != v }) }
	pages := []uintptr{at + page, at + 7*page, at + 63*page}
	for i, p := range pages {
		if err := MapShared(p, page, fd, int64(i*page), ProtRead|ProtWrite); err != nil {
			t.Fatal(err)
		}
		if !full(bytesOf(p), 0) {
			t.Errorf("page %d is not zero", i)
		}
		for k := range bytesOf(p) {
			bytesOf(p)[k] = byte(i + 1)
		}
	}
	// A hole in the middle, and the first page: what is left must not depend on them.
	for _, r := range [][2]uintptr{{at, page}, {at + 10*page, 20 * page}} {
		if err := Unmap(r[0], r[1]); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.GC()
	var taken [16][]byte // takes what was wrongly freed
	for i := range taken {
		taken[i] = bytes.Repeat([]byte{0xff}, n)
	}
	runtime.KeepAlive(&taken)
	for i, p := range pages {
		if !full(bytesOf(p), byte(i+1)) {
			t.Errorf("page %d has changed", i)
		}
	}
	if err := Punch(fd, page, page); err != nil || !full(bytesOf(pages[1]), 0) || !full(bytesOf(pages[2]), 3) {
		t.Errorf("punched: %v", err)
	}
	other, err := Memfd("other", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(other)
	if err := Cover(pages[2], page); err != nil {
		t.Fatal(err)
	}
	if err := MapShared(pages[2], page, other, 0, ProtRead|ProtWrite); err != nil || !full(bytesOf(pages[2]), 0) {
		t.Errorf("mapped again it is not zero, or %v", err)
	}
	if err := MapShared(at+10*page, page, other, page, ProtRead); err == nil {
		t.Error("what was given back is mapped")
	}
	if err := Unmap(at, n); err != nil {
		t.Fatal(err)
	}
	if got := len(heap.ranges); got != before {
		t.Errorf("%d ranges are held, there were %d", got, before)
	}
	if _, err := Reserve(0, heapRangeMax+1); !IsLimit(err) {
		t.Errorf("more than there is: %v", err)
	}
}
