// Package bolt measures what bbolt makes its users wait for when its file grows: bbolt as it
// is, bbolt that has a large mapping from the beginning, and the copy that dropin/bbolt makes
// of it, whose mapping grows by a follow.Follower.
//
// bbolt maps its file once. When the file outgrows the mapping, the Update that
// needs it takes a lock which every View holds from its beginning to its end, unmaps
// the file and maps it again, twice as long. So one View that stays open holds up that
// Update, and the Update, waiting for the lock, holds up every View that begins after
// it: for as long as the first one stays.
//
// # What is compared
//
// All are bbolt, with the same options but for InitialMmapSize, and are given the same keys, values and
// batches in the same order. Each value that is read is checked, and a long View, at its end, finds
// what it found at its beginning. Each sample has a process of its own, so its memory is its own.
// Where the name says durable, options are the default ones and the file is in the directory for temporary
// files: each Update waits for the disk, if that is one. Elsewhere nobody waits for a disk: NoSync,
// NoGrowSync, and the file in memory where there is a place for that.
//
// The copy is not kept here: growbolt makes it at run time, and this program is built
// once more with it.
package bolt
