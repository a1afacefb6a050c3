// Package checkpoint copies buffers that are written to all the time, and says for how long the writers are
// stopped; scans memory for what was written; and moves private memory into an arena in place.
package checkpoint
