package main

// discardMutants are mistakes in what package slab does with all objects at once, and in
// references to slices.
var discardMutants = []mutant{
	{
		name:    "FreeAll: retired objects freed",
		mistake: "FreeAll frees what readers under guards may look at",
		file:    "slab/freeall.go",
		old:     "a.retired.inSpan(first, k.groups)",
		new:     "a.retired.inSpan(first, 0)",
		test:    "TestFreeAll/plain",
	}, {
		name:    "FreeAll: groups at hand",
		mistake: "a Local goes on to hand out what FreeAll has freed",
		file:    "slab/freeall.go",
		old:     "\t\tclear(l.current[:])\n",
		new:     "",
		test:    "TestFreeAll/plain",
	}, {
		name:    "Discard: memory gone under guards",
		mistake: "the memory of an allocator that is discarded goes while readers look at it",
		file:    "slab/discard.go",
		old:     "\tend.left.Add(1)\n",
		new:     "",
		test:    "TestDiscard/plain",
	}, {
		name:    "Discard: objects can be freed",
		mistake: "Free takes an object of an allocator that was discarded",
		file:    "slab/discard.go",
		old:     "a.groups.at(u.tag.number() + i).word.Store(0)",
		new:     "_ = a.groups.at(u.tag.number() + i)",
		test:    "TestDiscard/plain",
	}, {
		name:    "Discard: limit of the domain",
		mistake: "an allocator larger than what the domain lets wait can never be discarded",
		file:    "slab/discard.go",
		old:     "\t\tr.Bytes = 0",
		new:     "\t\t_ = 0",
		test:    "TestDiscard_Limit",
	}, {
		name:    "SliceRef: half of the pages",
		mistake: "a medium object that is referred to has a wrong capacity",
		file:    "slab/sliceref.go",
		old:     "at |= uint64(n/pageSize) << refPagesShift",
		new:     "at |= uint64(n/pageSize/2) << refPagesShift",
		test:    "TestSliceRef/plain",
	}, {
		name:    "SliceRef: another class",
		mistake: "what was freed is found in the middle of other objects",
		file:    "slab/sliceref.go",
		old:     "case uint32(uint64(off)*uint64(k.magic)>>32)*k.size != off:",
		new:     "case off > pageSize:",
		test:    "TestSliceRef_Stale",
	},
}
