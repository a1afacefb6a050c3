package slab

import (
	"fmt"
	"runtime"
	"strings"
)

// stackDepth is how many frames are kept of who allocated and who freed.
const stackDepth = 16

// stack is who did something, as runtime.Callers has it. Without pointers, so
// that keeping very many does not burden the collector.
type stack [stackDepth]uintptr

// callers returns the stack of who called into the package.
func callers() (s stack) {
	var pcs [stackDepth + 8]uintptr
	n := runtime.Callers(1, pcs[:])
	copy(s[:], pcs[skipOwn(pcs[:n]):n])
	return s
}

// ownFrames is how the names of this package's functions begin.
var ownFrames = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name() // ….slab.init or ….slab.init.func1
	slash := strings.LastIndexByte(name, '/')
	return name[:slash+strings.IndexByte(name[slash:], '.')+1]
}()

// skipOwn returns how many of the innermost frames are in this package, its
// tests aside.
func skipOwn(pcs []uintptr) int {
	for i := range pcs {
		// One frame at a time, for one of pcs may stand for several that were inlined.
		f, _ := runtime.CallersFrames(pcs[i : i+1]).Next()
		if !strings.HasPrefix(f.Function, ownFrames) && !strings.HasPrefix(f.Function, "runtime.Callers") {
			return i
		}
	}
	return 0
}

// pcs returns the frames there are.
func (s *stack) pcs() []uintptr {
	n := 0
	for n < len(s) && s[n] != 0 {
		n++
	}
	return s[:n]
}

// String returns a line pair for each frame.
func (s stack) String() string {
	var b strings.Builder
	pcs := s.pcs()
	frames := runtime.CallersFrames(pcs)
	for more := len(pcs) > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		fmt.Fprintf(&b, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
	}
	return b.String()
}
