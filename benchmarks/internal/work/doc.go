// Package work is what the contenders of several experiments do in the same way:
// sharing operations among goroutines, and writing into memory what is checked
// afterwards.
package work
