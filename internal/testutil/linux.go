package testutil

import "testing"

// NeedsMoves skips a test of what memory does that can move, that has a second mapping or a
// descriptor, or whose pages can be counted: where memory files are emulated there is one
// mapping, in one place.
func NeedsMoves(t testing.TB) {
	t.Helper()
	if inPlace {
		t.Skip("memory files are emulated on this system, or with -tags portable: one mapping in one place, with nothing known of its pages")
	}
}
