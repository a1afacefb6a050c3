package testutil

import (
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// NeedsMoves skips a test of what memory does that can move, that has a second mapping or a
// descriptor, or whose pages can be counted: where memory files are emulated there is one
// mapping, in one place.
func NeedsMoves(t testing.TB) {
	t.Helper()
	if inPlace {
		t.Skip("memory files are emulated on this system, or with -tags portable: one mapping in one place, with nothing known of its pages")
	}
}

// HeapBacked says that buffers lie in the Go heap (-tags heapbacked): tests take less of them.
const HeapBacked = sys.HeapBacked

// NeedsFaults skips a test of memory that is not the Go heap's: what faults there, what the
// collector and the race detector do not look at.
func NeedsFaults(t testing.TB) {
	t.Helper()
	if HeapBacked {
		t.Skip("buffers lie in the Go heap, with -tags heapbacked: nothing in there faults, and the runtime takes it for its own")
	}
}
