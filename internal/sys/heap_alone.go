//go:build heapbacked && linux && !portable

package sys

// On Linux the tag heapbacked needs the tag portable beside it: this does not compile.
const _ int = "on Linux: -tags portable,heapbacked"
