package main

const (
	kib = 1 << 10
	mib = 1 << 20
)

// steps are all steps, in their order.
var steps = []step{
	{"arena", true, arenaStep(byDefault)},
	{"arena, Commit", true, arenaStep(committed)},
	{"arena, Retire", true, arenaStep(retiring)},
	{"arena, Domain", true, arenaStep(shared)},
	{"arena, File", false, fileStep},
	{"arena, HugePages", false, hugeStep},
	{"alias ring", true, ringStep},
	{"Buffer", true, bufferStep},
	{"Pool", false, poolStep},
	{"slab, small", false, smallStep},
	{"slab, large", false, largeStep},
	{"LinearMemory", true, linearStep},
}

// sizes are what is asked for, in turns: unaligned, of less and more than a page, and
// more than an extent that is prepared at once.
var sizes = []int{1, 100, 5000, 70_001, 300_000, 1<<20 + 3, 33, 2<<20 + 4097}
