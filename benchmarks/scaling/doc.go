// Package scaling measures how the cost of the operations that matter grows: with the
// size of a buffer, with the windows, readers and objects that live, and with what
// waits to be reclaimed. Each experiment covers as many decades as memory and time
// allow, and a power of the axis is fitted to it: an exponent near 0 is flat, near 1
// linear.
package scaling
