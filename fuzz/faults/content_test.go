//go:build linux && !(386 || arm || mips || mipsle)

package faults

import "testing"

// places is how many bytes of a slice are written and looked at, about: few, for
// each is on a page of its own.
const places = 8

// mark writes some bytes of b, among them the last, as they belong at offset off.
func mark(b []byte, off int) {
	each(b, func(i int) { b[i] = byte((off+i)*31>>3) | 1 })
}

// marked checks that b, which belongs at offset off, is as mark left it.
func marked(t *testing.T, what string, b []byte, off int) {
	t.Helper()
	wrong := -1
	each(b, func(i int) {
		if wrong < 0 && b[i] != byte((off+i)*31>>3)|1 {
			wrong = i
		}
	})
	if wrong >= 0 {
		t.Errorf("byte %d of %s is %d", wrong, what, b[wrong])
	}
}

// zero checks that some bytes of b are zero, among them those that mark writes.
func zero(t *testing.T, what string, b []byte) {
	t.Helper()
	wrong := -1
	each(b, func(i int) {
		if wrong < 0 && b[i] != 0 {
			wrong = i
		}
	})
	if wrong >= 0 {
		t.Errorf("byte %d of %s is %d, not zero", wrong, what, b[wrong])
	}
}

// same checks that some bytes of b are those of a, which is as long or longer.
func same(t *testing.T, what string, b, a []byte) {
	t.Helper()
	wrong := -1
	each(b, func(i int) {
		if wrong < 0 && b[i] != a[i] {
			wrong = i
		}
	})
	if wrong >= 0 {
		t.Errorf("byte %d of %s is %d, not %d", wrong, what, b[wrong], a[wrong])
	}
}

// each calls f for the places in b that are looked at: the first, the last, and some
// between, all over their pages.
func each(b []byte, f func(i int)) {
	stride := max(len(b)/places-13, 256*kib-1013)
	for i := 0; i < len(b); i += stride {
		f(i)
	}
	if len(b) > 0 {
		f(len(b) - 1)
	}
}
