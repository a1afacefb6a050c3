package arena

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/growarena/growarena/addrspace"
)

// FaultError is a memory fault inside a window, caught by [CatchFault].
type FaultError struct {
	Addr   uintptr // that was touched
	Window string  // name of the arena's window there
	Offset int     // in the window: in the arena, unless it is an alias
	Err    error   // the runtime's error
}

// Error says where the fault was and what it may come from.
func (e *FaultError) Error() string {
	return fmt.Sprintf("arena: fault at %#x, offset %d of %q: the backing file was made shorter, its file system is full, or the bytes were freed",
		e.Addr, e.Offset, e.Window)
}

// Unwrap returns the runtime's error.
func (e *FaultError) Unwrap() error { return e.Err }

// CatchFault calls f and turns a memory fault in a window of space (nil means
// addrspace.Default()) into a *FaultError: what else would end the process when
// somebody makes a caller's backing file shorter, when a tmpfs is full, or when a
// pointer is used after its window was retired. What f had done until then stays
// done. Faults elsewhere, and other panics, go on. Costs a few nanoseconds; it
// protects this goroutine only.
func CatchFault(space *addrspace.Space, f func() error) (err error) {
	if space == nil {
		space = addrspace.Default()
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		fault, ok := r.(interface {
			runtime.Error
			Addr() uintptr
		})
		if !ok {
			panic(r)
		}
		w := space.Lookup(fault.Addr())
		if w == nil {
			panic(r)
		}
		err = &FaultError{Addr: fault.Addr(), Window: w.Name(), Offset: int(fault.Addr() - w.Range().Start), Err: fault}
	}()
	return f()
}
