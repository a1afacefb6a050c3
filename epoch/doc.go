// Package epoch answers one question: when may a thing that was taken out of
// use really go, given that readers who never take a lock may still be looking
// at it? It knows nothing of memory, windows or files.
//
// # Concept
//
// A [Domain] publishes values, each with the next version number: the version
// is the epoch. A reader pins the newest version, reads, and unpins. The writer
// publishes a new value and names, in the same call, what the new value no
// longer contains; each such thing was reachable in the versions [birth, death)
// and is freed when no pinned version lies in that interval. So a reader that
// stalls holds what its own value contains, and nothing that came later.
// Birth 0 gives the classic rule, "wait for every pin older than the
// retirement", for things reached by chasing pointers and for a Domain shared
// by many owners.
//
// # States
//
// of a slot, the place where one pin is recorded:
//
//	Free     nobody's; keeps the sequence number of its last pin
//	Claimed  a version is written, but not yet known to be the newest
//	Pinned   the version was the newest after it was written; a Guard names it
//
//	Free --Pin--> Claimed --validate--> Pinned --Unpin--> Free
//	Pinned --Refresh--> Claimed; Claimed --domain closed--> Free
//
// and of a retired thing:
//
//	Live     in the published value
//	Waiting  no longer published; some pinned version may contain it
//	Ready    no pinned version contains it
//	Freeing  its Free is running
//	Gone     its Free has returned
//
//	Live --Publish/Retire/Close--> Waiting --scan--> Ready --> Freeing --> Gone
//
// # Rules for users
//
// A [Guard] protects the value it was pinned with, from Pin to Unpin. It may be
// kept while its goroutine blocks, be handed to another goroutine and be
// unpinned there; guards nest freely, each on its own. What [Guard.Value]
// returned must not be touched after Unpin or Refresh. Unpinning twice panics,
// through a copy too, and damages nothing. In a shared Domain use Birth 0 only:
// the owner's value may have been loaded after the pin, so its birth says
// nothing about the pinned version.
//
// # Locks and goroutines
//
// Pin, Unpin and Refresh take no lock and allocate nothing. Domain.mu is the
// only lock; it is never held while a Free or a callback runs, and nothing else
// is locked under it. Free never runs in a reader's Unpin: the unpin that
// decides wakes the reaper, a goroutine that exists only while something waits.
// A writer runs Frees itself only in TryReclaim, in Close, and in a Publish or
// Retire that would otherwise exceed [Options.MaxRetired].
//
// # What it does not do
//
// It does not release a guard that was lost (it reports it, see
// [Options.Debug]), does not interrupt a stalled reader, and does not notice a
// value kept after its guard was unpinned. Slot tables that were added when very
// many guards were pinned at once are not given back.
package epoch
