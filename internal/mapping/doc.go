// Package mapping is one growing mapping: which window shows it, how it comes to a
// bigger one, and what becomes of the windows it has left.
//
//	View     what readers and writers see: an immutable place and capacity
//	Part     a range of a file; a mapping is parts, one behind the other
//	Ladder   how a mapping grows: in the window; extend it; move page tables; map again
//	Mapping  a ladder with a newest view, and the pointer rule: old windows are kept,
//	         or retired through a domain
//
// The ladder asks a [Source] for what is to be mapped next. It neither makes a file
// longer nor gives it memory: who has the mapping does (packages arena and pool), or
// somebody else altogether. What is shown may be read-only.
//
// An error has changed nothing that is visible: a window may have become longer, which
// the next growth finds and uses.
package mapping
