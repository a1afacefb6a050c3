package main

// followMutants are mistakes in package follow and in what it alone needs.
var followMutants = []mutant{
	{
		name:    "length believed",
		mistake: "a length is believed that the file does not have",
		file:    "follow/extend.go",
		old:     "\tif size < n {\n",
		new:     "\tif false {\n",
		test:    "TestExtend_Beyond",
	}, {
		name:    "not looked at without a descriptor",
		mistake: "without a descriptor lengths are believed",
		file:    "follow/extend.go",
		old:     "mapping.Touch(v.Slice(0, n)); err != nil {",
		new:     "mapping.Touch(v.Slice(0, n)); false {\n\t\t\t_ = err",
		test:    "TestExtend_Beyond",
	}, {
		name:    "guard of the capacity",
		mistake: "a guard shows what the file has, and not what its writer said",
		file:    "follow/guard.go",
		old:     "n := l.Len()",
		new:     "n := l.mapping.View().Cap",
		test:    "TestExtend_Limit",
	}, {
		name:    "reserved is readable",
		mistake: "what a window was reserved for counts as what the file has",
		file:    "follow/extend.go",
		old:     "v.Cap, v.Ready = old.Cap, old.Ready",
		new:     "_ = v",
		test:    "TestFollower_Reserve",
	}, {
		name:    "cut file not noticed",
		mistake: "a file that was made shorter is followed on as if nothing was",
		file:    "internal/memfile/follow.go",
		old:     "\tif size < f.size && !f.MayShrink {\n",
		new:     "\tif false {\n",
		pkg:     "follow",
		test:    "TestFollower_Cut",
	}, {
		name:    "descriptor kept",
		mistake: "NoDescriptor keeps the descriptor",
		file:    "follow/follow.go",
		old:     "\tif opts.NoDescriptor {\n\t\tl.file.Close()\n\t}\n",
		new:     "",
		test:    "TestFollower_VeryMany",
	}, {
		name:    "private memory by parts",
		mistake: "AliasOf asks about the first mapping of a slice alone",
		file:    "arena/aliasof.go",
		old:     "parts = append(parts, addrspace.Range{Start: at, End: min(v.End, end)})\n\t\tat = min(v.End, end)\n",
		new:     "parts = append(parts, addrspace.Range{Start: at, End: end})\n\t\tat = end\n",
		pkg:     "arena",
		test:    "TestAliasOf_SeveralMappings",
	},
}
