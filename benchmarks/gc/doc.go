// Package gc measures what the garbage collector has to do for very many small
// objects: nothing, where they are outside of the Go heap.
package gc
