package main

// freshMutants are mistakes in what package slab knows of small objects that are zero.
var freshMutants = []mutant{
	{
		name:    "fresh: freed and taken for zero",
		mistake: "a small object that was used before is taken for zero",
		file:    "slab/free.go",
		old:     "next := (v | 1<<(idx%groupLen)) &^ fresh",
		new:     "next := v | 1<<(idx%groupLen)",
		test:    "TestFresh_SmallZero",
	}, {
		name:    "fresh: old pages taken for zero",
		mistake: "a span of pages that were used before counts as zero",
		file:    "slab/span.go",
		old:     "if !a.watch.debugs() && !stale.Has(i*groupLen*int(k.size), groupLen*int(k.size)) {",
		new:     "if _ = stale; !a.watch.debugs() {",
		test:    "TestFresh_SmallZero",
	}, {
		name:    "fresh: freed to hand and taken for zero",
		mistake: "a Local hands out what it has been given back as zero",
		file:    "slab/apart.go",
		old:     "\th.isZero = false\n",
		new:     "",
		test:    "TestFresh_SmallZero",
	}, {
		name:    "fresh: given back as zero",
		mistake: "what a Local has used and gives up counts as zero",
		file:    "slab/apart.go",
		old:     "\t\t\tnext &^= fresh\n",
		new:     "",
		test:    "TestFresh_GivenBack",
	}, {
		name:    "fresh: small objects prepared",
		mistake: "memory is prepared for small objects that nobody may touch",
		file:    "slab/allocator.go",
		old:     "return zero && kinds[c].size >= punchSize",
		new:     "return zero && kinds[c].size > smallMax",
		test:    "TestFresh_SmallTakesNothing",
	},
}
