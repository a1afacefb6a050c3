package epoch

// A slot's word holds one pin: version:44 | seq:19 | active:1.
//
//   - version is the pinned version; 0 in a free slot.
//   - seq grows by one with every pin of the slot and stays when it is freed,
//     so that the word of one pin differs from the word of the next and Unpin's
//     compare-and-swap notices a guard that was already unpinned.
//   - active tells a pinned (or claimed) slot from a free one.
//
// 44 bits of version last 5.6 years at 100,000 publications a second; Publish
// refuses to go past the end. 19 bits of seq mean that a stale copy of a guard
// is mistaken for a live one only if exactly a multiple of 524,288 pins went
// through its slot since, at the same version, and the last is still held.
const (
	activeBit    = 1
	seqOne       = 1 << 1
	seqMask      = (1<<19 - 1) << 1
	versionShift = 20
	versionMax   = 1<<44 - 1
)

// versionOf returns the version pinned by w.
func versionOf(w uint64) uint64 { return w >> versionShift }

// nextWord returns the word that claims a slot whose free word is old.
func nextWord(old, version uint64) uint64 {
	return version<<versionShift | (old+seqOne)&seqMask | activeBit
}

// movedWord returns w with another version: the same pin, refreshed.
func movedWord(w, version uint64) uint64 {
	return version<<versionShift | w&(seqMask|activeBit)
}

// freeWord returns what the pin w leaves behind in its slot.
func freeWord(w uint64) uint64 { return w & seqMask }

// samePin reports whether a and b are words of one pin, whatever versions
// Refresh has moved it through.
func samePin(a, b uint64) bool {
	return (a^b)&(seqMask|activeBit) == 0
}
