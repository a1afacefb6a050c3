// Package growarena is the front page of a library for very large buffers that
// grow while other goroutines read them: without copying, without stopping
// readers, and with the old address still valid until nobody can be using it.
//
// The packages, from the top down; each may be used without those above it:
//
//	arena      a growable buffer: one backing file, one current window, old
//	           windows kept or retired; typed values, a bytes.Buffer, pools
//	epoch      when may a retired thing go? Epoch-based reclamation with
//	           bounded garbage; knows nothing of memory
//	addrspace  which addresses are ours? Windows reserved, extended, recycled
//	           and released, with limits that are errors
//
// Begin with [github.com/growarena/growarena/arena]. The program in cmd/growarena
// uses it all on real input. This package itself holds no code but the end-to-end
// test.
package growarena
