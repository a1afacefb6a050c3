// Package doctor finds out what a machine offers to growarena: by trying it
// where it can be tried, by reading /proc and /sys where it is a setting. For
// each thing that costs the user something it says what, and what to change.
//
// Each file has the rows of one group. What reads the machine is kept apart from
// what judges it, so that machines that are not at hand can be judged in tests.
package doctor
