//go:build !invariants && !race

package invariants

// Enabled is true in builds with the tag invariants or with -race.
const Enabled = false
