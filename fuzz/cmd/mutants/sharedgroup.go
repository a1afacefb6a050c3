package main

// sharedGroupMutants are mistakes of groups of package shm.
var sharedGroupMutants = []mutant{
	{
		name:    "rows of the longest column",
		mistake: "a follower counts rows that are not yet in all columns",
		file:    "shm/opengroup.go",
		old:     "rows < p.end {",
		new:     "rows > p.end {",
		test:    "TestGroup_KilledBetween",
	}, {
		name:    "published column by column",
		mistake: "rows are published in a column before they are written in the others",
		file:    "shm/group.go",
		old:     "\t\tif err := w.stage(values[i].b); err != nil {\n",
		new:     "\t\terr := w.stage(values[i].b)\n\t\tif err == nil {\n\t\t\tw.publishStaged((g.rows + values[i].n) * g.sizes[i])\n\t\t}\n\t\tif err != nil {\n",
		test:    "TestGroup_Fails",
	}, {
		name:    "group taken over behind the shortest",
		mistake: "who takes over a group writes over rows that one column has published",
		file:    "shm/group.go",
		old:     "\tg.rows = most\n",
		new:     "\tg.rows = least\n",
		test:    "TestGroup_KilledBetween",
	}, {
		name:    "columns of two groups",
		mistake: "a column that was made anew is followed with the others of the group before",
		file:    "shm/opengroup.go",
		old:     "if f.org.id != g.columns[0].org.id {",
		new:     "if false {",
		test:    "TestGroup_Fails",
	},
}
