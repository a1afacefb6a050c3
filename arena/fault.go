package arena

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/growarena/growarena/addrspace"
)

// FaultError is a memory fault where windows are, or were, caught by [CatchFault].
type FaultError struct {
	Addr   uintptr // that was touched
	Window string  // name of the arena's window there; "" if there is none (any more)
	Offset int     // in the window: in the arena, unless it is an alias; -1 if there is none
	Err    error   // the runtime's error
}

// Error says where the fault was and what it may come from.
func (e *FaultError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("arena: fault at %#x, where the space has no window now: the bytes were used after Free or Release, or after the guard that held them was unpinned", e.Addr)
	}
	return fmt.Sprintf("arena: fault at %#x, offset %d of %q: the backing file was made shorter, its file system is full, or the bytes were freed",
		e.Addr, e.Offset, e.Window)
}

// Unwrap returns the runtime's error.
func (e *FaultError) Unwrap() error { return e.Err }

// CatchFault calls f and turns a memory fault in a window of space (nil means
// addrspace.Default()) into a *FaultError: what else would end the process when
// somebody makes a caller's backing file shorter, when a tmpfs is full, or when a
// pointer is used after its window was released, as long as nothing else has taken the
// place. The latter it knows by the address: where only windows are placed. One that the
// kernel had to place (32 bits, or addresses run short), and 0, look like a nil
// dereference and go on, as do faults elsewhere and other panics. What f had done until then
// stays done. Costs a few nanoseconds; it protects this goroutine only.
func CatchFault(space *addrspace.Space, f func() error) (err error) {
	if space == nil {
		space = addrspace.Default()
	}
	return catchFault(f, func(fault faultError) error {
		found := &FaultError{Addr: fault.Addr(), Offset: -1, Err: fault}
		if w := space.Lookup(fault.Addr()); w != nil {
			found.Window, found.Offset = w.Name(), int(fault.Addr()-w.Range().Start)
		} else if !space.Places(fault.Addr()) {
			return nil
		}
		return found
	})
}

// faultError is what the runtime panics with.
type faultError interface {
	runtime.Error
	Addr() uintptr
}

// catchFault calls f and returns what ours makes of a memory fault. If that is nil it goes on.
func catchFault(f func() error, ours func(faultError) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(faultError); ok {
			if err = ours(fault); err != nil {
				return
			}
		}
		panic(r)
	}()
	return f()
}
