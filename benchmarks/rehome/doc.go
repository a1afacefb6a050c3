// Package rehome moves a full window elsewhere, as a buffer must that has outgrown
// its place, and reads all of it there.
package rehome
