package main

// censusMutants are mistakes in what is known about where the memory is.
var censusMutants = []mutant{
	{
		name:    "who has ended is counted",
		mistake: "a step that was under way at Free leaves its bytes in the total for good",
		file:    "internal/census/limit.go",
		old:     "if t.ended || committed",
		new:     "if committed",
		test:    "TestLimit",
	}, {
		name:    "what has ended stays counted",
		mistake: "Go's limit stays lower by what is gone",
		file:    "internal/census/limit.go",
		old:     "\tl.setLocked(t, 0)\n",
		new:     "",
		test:    "TestLimit",
	}, {
		name:    "Go has nothing left",
		mistake: "with more than the limit outside the heap Go collects all the time",
		file:    "internal/census/limit.go",
		old:     "max(l.n-int64(l.total), least)",
		new:     "l.n - int64(l.total)",
		test:    "TestLimit_Exceeded",
	}, {
		name:    "regions are arenas",
		mistake: "what an allocator holds is shown as arenas of nobody's",
		file:    "internal/pageheap/region.go",
		old:     "\tcensus.Attribute(ar, \"slab\", h.options.Name)\n",
		new:     "\t_ = census.Attribute\n",
		pkg:     ".",
		test:    "TestMemory",
	}, {
		name:    "an arena without headroom tells nothing",
		mistake: "between two growths of an arena Go's limit does not move",
		file:    "arena/headroom.go",
		old:     "if h.max == 0 && !census.Limited() {",
		new:     "if h.max == 0 || false && census.Limited() {",
		pkg:     ".",
		test:    "TestSetMemoryLimit",
	}, {
		name:    "a pool tells nothing",
		mistake: "Go's limit does not know what a pool holds",
		file:    "pool/stats.go",
		old:     "p.unnoted.Add(int64(n))",
		new:     "_ = n",
		pkg:     ".",
		test:    "TestSetMemoryLimit",
	}, {
		name:    "samples are not weighed",
		mistake: "a profile shows of small objects a small part",
		file:    "slab/profile.go",
		old:     "return -1 / math.Expm1(-float64(n)/float64(p.rate))",
		new:     "return 1",
		test:    "TestProfile_InUse",
	},
}
