// Package invariants turns checks that walk whole structures on in test builds
// (tag invariants, or -race) and out of all others, where a condition on the
// constant [Enabled] costs nothing.
package invariants
