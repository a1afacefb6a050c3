// Package examples holds programs that show what growarena is for, each beside what a program
// without it would do. Each is short, checks what it reads, and prints what it took:
//
//	go run ./examples/columns      a column store that keeps its last rows
//	go run ./examples/index        an index outside the Go heap
//	go run ./examples/cache        a cache with eviction
//	go run ./examples/logfile      a log file that many goroutines write and others follow
//	go run ./examples/checkpoint   copies of a table that is being written
//	go run ./examples/httpbuffer   an HTTP server of a buffer that grows
//
// It is a module of its own, in the workspace of the library.
package examples
