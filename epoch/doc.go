// Package epoch says when a thing that was replaced may be freed although
// readers, who take no lock, may still be looking at it. Readers pin what they
// read; a writer publishes something new and retires the old, and the package
// frees that when no pin can see it any more. Pin and Unpin take 18 ns together, on
// any number of goroutines; what was pinned is valid until Unpin.
//
// # When to use it, and when not
//
// Use it for what the garbage collector does not free, such as mapped memory,
// objects of an allocator or files, where many goroutines read and few replace.
// Use something simpler
//
//   - for Go values: an atomic.Pointer, and the garbage collector frees the old;
//   - where nothing is contended, or readers may be stopped: a sync.RWMutex.
//     Its RLock and RUnlock take 6.5 ns on one goroutine and 32 ns where several
//     meet, Pin and Unpin 18 ns (AMD Zen 3, 2 cores).
//
// # Which type for which job
//
//	readers and writers share        a Domain
//	read once                        Domain.Read, or Pin and Unpin of a Guard
//	read in a loop                   one Guard, with Guard.Refresh in each turn
//	a goroutine that reads often     its own Local
//	replace the value                Domain.Publish, naming what it replaces
//	unlink a part of it              Domain.Retire, with Birth 0
//	limit what waits to be freed     Options.MaxRetired, Domain.PublishWait
//	wait until readers have left     Domain.Synchronize
//	wait until all of it is freed    Domain.Barrier; at the end, Domain.Shutdown
//	see who holds things up          Domain.Stats, Options.OnStall, Trace, Profile
//	find a forgotten Unpin           Options.Debug
//
// # When is a value valid?
//
// What [Guard.Value] or [Local.Pin] returned, and everything that was reachable
// from it, is valid until the Unpin or Refresh of that guard or Local, whatever is
// published meanwhile. Afterwards it must not be touched. What [Domain.Value]
// returned is protected by nothing.
//
// # One writer, many readers
//
//	d := epoch.NewDomain(epoch.Options{})
//	born, err := d.Publish(table)           // version born contains table
//
//	err = d.Read(func(v any) error {        // any number of readers
//		return lookUp(v.(*Table), key)
//	})
//
//	born, err = d.Publish(bigger, epoch.Retired{Birth: born, Free: table.Close})
//
// # Rules
//
//   - Each guard is unpinned once, on any goroutine. Twice panics, through a copy
//     too, and damages nothing.
//   - Guards nest, each on its own. A goroutine may block while it holds one.
//   - A Local is used by one goroutine at a time. Pins of it nest and are of one
//     version.
//   - A thing is retired after what leads to it was replaced, in the same call
//     or later, and is not reached anew from then on.
//   - [Retired].Birth is the version that Publish returned when the thing came
//     in. It is 0 for what is reached by chasing pointers that change, and in a
//     Domain with several owners: there a value may have been loaded after the
//     pin, whose version says nothing about it.
//   - Free is called with nothing locked. It may call the Domain but must not
//     wait for it.
//
// A guard that was lost keeps what it pins for ever; a Debug domain tells. A
// reader that stalls is not interrupted, and a value that is used after Unpin is
// not noticed. Slots that were added when very many guards were pinned at once
// are not given back.
//
// # What it costs
//
// Pin and Unpin are two compare-and-swaps, 18 ns together on any number of
// goroutines; those of a Local are two stores. Refresh, when nothing new was
// published, is one load. They take no lock and allocate nothing, unless pins are
// traced. A Domain takes 8 KiB and more, so many small owners share one. A goroutine
// exists only while something waits to be freed. A reader that stalls holds the value
// it pinned and nothing that came later; with Birth 0 it holds all that is retired
// after it pinned.
//
// How it works is told where it is done: pin.go why a pin is never missed,
// collect.go who frees when, retire.go what state a retired thing is in.
package epoch
