// Package fuzz is for those who change growarena, not for its users: it tries to
// break it. It runs programs of operations, decoded from bytes, on the real thing
// and on a naive model side by side, and compares everything after each operation.
//
// A Target is one such interpreter. The native fuzz targets (FuzzArena and so
// on, in the tests), the corpora in testdata and the soak (cmd/soak) run the
// same ones, so what one of them finds the others replay. A run depends on its
// input alone.
//
// README.md says how to run, to replay, and to add to it.
package fuzz
