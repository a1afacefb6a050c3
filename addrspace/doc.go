// Package addrspace hands out windows: ranges of addresses that nobody else in the
// process has, to map files into. Windows grow in place, are recycled, and keep
// stale pointers away from the Go heap. Reserving and releasing one takes 8 µs, 0.8 µs
// when it is handed out again, and one mapping of the kernel's.
//
// # When to use it, and when not
//
// Use it to build containers on mapped memory: packages arena, pool and slab are
// built on it. Use something else
//
//   - for bytes that grow, or objects: package arena, pool or slab. They map, grow
//     and free for you;
//   - for one mapping of a file that never grows: mmap of package golang.org/x/sys/unix.
//     A window takes 1.3 to 2 times as long as the bare system calls, a recycled one
//     0.1 to 0.2 times (AMD Zen 3, 2 cores).
//
// # Which type for which job
//
//	addresses of the process          Space; share Default where you can
//	take addresses                    Space.Reserve, which returns a Window
//	make them longer                  Window.Extend, or Window.Grow to another window
//	put a file there, take it away    Window.MapFile, Window.Unmap; Window.Bytes
//	go to a bigger window, page
//	tables and all                    Window.Rehome
//	map the same bytes once more,
//	without their file                Window.Duplicate; Window.MapAlias for others' memory
//	make stale pointers fault         Window.Quarantine
//	give them back                    Window.Release
//	whose address is this?            Space.Lookup, Space.All
//	what is held                      Space.Stats
//
// # When is an address valid?
//
// While its window is Mapped there, and until Release. A window's addresses are, at
// any time, in one of these states:
//
//	None         nobody's, or a stranger's
//	Reserved     ours and inaccessible: touching one faults
//	Mapped       a part of a file
//	Quarantined  as Reserved, and the window can do nothing but be released
//
//	Space.Reserve      None        → Reserved
//	Window.Extend      None        → Reserved     behind the window
//	Window.MapFile     Reserved    → Mapped
//	Window.Rehome, RehomePart, Grow
//	                   Reserved    → Mapped       in the other window, page tables and all
//	Window.Duplicate   Reserved    → Mapped       in the other window; without page tables
//	Window.MapAlias    Reserved    → Mapped
//	Window.Unmap       Mapped      → Reserved
//	Window.Quarantine  any of ours → Quarantined
//	Window.Release     any of ours → None         at once, or after a time in the cache
//
// # Rules
//
//   - Release a window only when nobody will touch an address of it again. Until
//     then stale pointers fault; afterwards the address can be of another window.
//     A pointer to an address that has become Go heap makes the garbage collector
//     throw. Quarantine is for the time between. Package epoch tells when readers
//     are done.
//   - A window is memory that the garbage collector and the race detector do not
//     see. Locks, counters and Go pointers have no place in it.
//   - A window never moves. One that is in the way of its neighbour's growth makes
//     Extend fail, no more; keep Compact for windows that will not grow.
//   - Share one Space where you can (Default): two do not know each other.
//
// # What it costs
//
//   - Reserve and Release: 8 µs, of which 4 µs are the system calls; 0.8 µs when
//     a released window is handed out again.
//   - Kernel mappings, which vm.max_map_count limits: one for a Reserved window, two
//     for one whose first part is mapped, and one more beside a place that is used
//     again and again. A Space counts its own and refuses at half of the setting,
//     because at the setting itself the Go runtime ends the process.
//   - Addresses: a window is a multiple of 2 MiB ([Alignment]), and between two
//     there is a gap. Under RLIMIT_AS every reserved byte counts.
//
// The errors say which limit was met and what to set. On Unix systems other than
// Linux the kernel places windows, which do not move nor become longer in place; on others Reserve returns
// an error that wraps errors.ErrUnsupported. Where windows are placed, and the order of locks, is told
// in place.go, space.go and DESIGN.md.
package addrspace
