// Package peers holds contenders that are no library: the plain ways of doing
// things that a Go program would write itself. Each is as good as a few dozen
// lines can be.
package peers
