// Package alloc measures handing out small objects that are all given up
// together, by one goroutine and by several: arenas beside make and garbage
// collection.
package alloc
