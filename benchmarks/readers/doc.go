// Package readers has goroutines read a buffer that one goroutine keeps growing,
// and measures how long each read takes.
package readers
