// Package bolt measures what a memory-mapped database makes its users wait for when
// it grows: bbolt beside a page store of our own that does the same reads and
// writes over an arena.
//
// bbolt maps its file once. When the file outgrows the mapping, the Update that
// needs it takes a lock which every View holds from its beginning to its end, unmaps
// the file and maps it again, twice as long. So one View that stays open holds up that
// Update, and the Update, waiting for the lock, holds up every View that begins after
// it: for as long as the first one stays.
//
// [Store] is a copy-on-write B+tree in pages of an arena. When the arena outgrows its
// window it moves to another one while the old one stays mapped; a reader pins an
// epoch, which keeps the pages of its tree and the window it sees them through.
//
// # What is compared
//
// Both get the same keys, values and batches in the same order, in pages of 4 KiB,
// and both are asked the same: each value that is read is checked, and each long
// View, at its end, finds what it found at its beginning. Neither waits for a disk:
// bbolt runs with NoSync, NoGrowSync and NoFreelistSync, its file is in memory (tmpfs)
// where there is such a place, and so is ours where the contender's name says file.
// Both write a page that changes to another place, put pages that nobody can see any
// more to use again, and have one writer and any number of readers.
//
// # What ours lacks
//
// It is here to measure remapping and not to keep data. It has no durability, no
// protection against crashes, no checksums; a file cannot be opened again; keys are
// numbers of 8 bytes and values at most 1000 bytes long; there are no buckets, no
// cursors and no deletion; pages that have become half empty are not merged. bbolt
// finds out which freed pages a reader between two others cannot see; here a freed
// page waits for all older readers. bbolt writes a page with a system call and then
// reads it through the mapping; here it is written through the mapping, which is
// part of what an Update takes less time for when nothing is in its way. What can be
// compared is how much longer the worst operation takes than the middle one.
package bolt
