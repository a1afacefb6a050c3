package mapping

import (
	"runtime"
	"runtime/debug"
)

// Touch reads the last byte of b, whose bytes are mapped but may lie beyond the end of the
// file: the error is the runtime's, of the fault. It makes no system call but for the
// kernel's work at a page fault, which a reader would have had, and stops short of what lies
// in the file's last page behind its end.
//
// Preconditions: b is not empty.
func Touch(b []byte) (last byte, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface {
				runtime.Error
				Addr() uintptr
			})
			if !ok {
				panic(r)
			}
			err = fault
		}
	}()
	return b[len(b)-1], nil
}
