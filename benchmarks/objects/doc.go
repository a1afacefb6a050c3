// Package objects measures what programs do with a general allocator: taking
// memory of 16 bytes to 32 KiB and giving it back, one at a time, many at a time,
// on one goroutine and on two, from one to another, and in random order and sizes.
package objects
