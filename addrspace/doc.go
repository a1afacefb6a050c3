// Package addrspace hands out windows: contiguous ranges of addresses that
// nobody else in the process has, to map files into.
//
// The address space is a resource like any other: the Go heap, the kernel's own
// choices, executables and the race detector's shadow all take from it, none
// asks the others, and an address that was given back can be anybody's a moment
// later. A [Space] keeps its windows apart from all of that: in zones of the
// address space where none of the others goes, with a registry of what is taken,
// with gaps that let windows grow where they are, and with the rule that
// a range it holds never has a hole into which a stranger could come.
//
// A window's addresses are, at any time, in one of these states:
//
//	None         nobody's, or a stranger's
//	Reserved     ours and inaccessible: touching one faults
//	Mapped       a part of a file
//	Quarantined  as Reserved, and the window can do nothing but be released
//
//	Space.Reserve      None        → Reserved
//	Window.Extend      None        → Reserved     behind the window
//	Window.MapFile     Reserved    → Mapped
//	Window.Rehome      Reserved    → Mapped       in the other window, page tables and all
//	Window.Unmap       Mapped      → Reserved
//	Window.Quarantine  any of ours → Quarantined
//	Window.Release     any of ours → None         at once, or after a time in the cache
//
// Rules for users:
//
//   - Release a window only when nobody will touch an address of it again. Until
//     then stale pointers fault; afterwards the address can be of another window,
//     and a pointer to what has become Go heap makes the garbage collector throw.
//     Quarantine is for the time between.
//   - A window is memory that the garbage collector and the race detector do not
//     see. Locks, counters and Go pointers have no place in it.
//   - Two windows are never adjacent, and a window never moves. One that is in
//     the way of its neighbour's growth makes Extend fail, no more; keep Compact
//     for windows that will not grow.
//   - Share one Space where you can ([Default]): two do not know each other.
//
// Windows are limited by the number of kernel mappings (vm.max_map_count): a
// Reserved window is one, with a mapped prefix two, and a place that is used again
// and again has one more beside it, which keeps its page tables (anchor.go). A Space
// counts its own and refuses at half of the setting, because at the setting itself the Go runtime
// ends the process. Under RLIMIT_AS every reserved byte counts. The errors say
// which limit was met and what to set.
//
// Windows exist on Linux. Elsewhere everything compiles, and Reserve returns an
// error that wraps errors.ErrUnsupported.
//
// Lock order: Window.mu, of two windows the lower address first; Space.mu;
// registry.mu. System calls are made under the first two. Lookup and All take
// only the last, which is never held for one. What takes long, dropping the page
// tables of large mapped parts, happens under Window.mu alone.
//
// The package does not know what is in the files, when a reader is done with a
// window, or how large anything should be: that is for the packages above.
package addrspace
