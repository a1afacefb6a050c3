// Package growarena is the front page of a library for very large buffers that
// grow while other goroutines read them.
package growarena
