// Package ingest reads files as one stream into one arena while goroutines scan
// what is there already, and checks afterwards that nothing was lost on the way.
//
// # Who does what
//
//	walk      names the files, one after the other
//	stream    reads them as one, and hashes what it has read
//	writer    one goroutine: arena.Buffer reads the stream into the window
//	frontier  tells the readers how far the stream has come
//	reader    N goroutines: claim a block, pin, scan, unpin
//	holder    one goroutine: keeps a view until the arena has moved, and reads it then
//	check     hashes and counts again, out of the arena, on one goroutine each
//
// # Blocks and lines
//
// The stream is divided into blocks of equal length, which readers claim one by
// one. To a block belong the lines that begin in it, so that each line is
// counted once, whole, wherever it ends: a reader goes on beyond its block to
// the end of the last line, and waits if that has not been read yet. A block in
// which no line begins counts nothing.
//
// # Lines and matches
//
// As grep -a counts them in the C locale: a line ends at '\n' and nowhere else,
// and what follows the last '\n' is a line if it is not empty. Files follow one
// another without anything in between, so the last line of a file that does not
// end in '\n' goes on in the next file. The expression is one of Go's (RE2). It
// sees a line without its '\n'; a byte that is no UTF-8 is one character to it,
// which '.' matches. What differs from the C locale: a character of several
// bytes is one, not several. What differs from grep: \s has no vertical tab, \< is
// a plain '<', and there are no back references.
package ingest
