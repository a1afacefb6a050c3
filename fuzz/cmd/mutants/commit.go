package main

// commitMutants are mistakes in what package arena promises about memory and faults.
var commitMutants = []mutant{
	{
		name:    "small pages without asking",
		mistake: "with Commit the OOM killer answers small pages at a memory cgroup's limit",
		file:    "internal/memfile/room.go",
		old:     "if err := askRoom(part); err != nil {",
		new:     "if err := error(nil); err != nil {",
		pkg:     "internal/memfile",
		test:    "TestCommit_AsksFirst",
	}, {
		name:    "an answer for ever",
		mistake: "having found room once nobody asks again",
		file:    "internal/memfile/room.go",
		old:     "\t\tasked.left -= n\n",
		new:     "",
		pkg:     "internal/memfile",
		test:    "TestCommit_AsksFirst",
	}, {
		name:    "trimmed and taken for committed",
		mistake: "with Commit, what Trim gave back is handed out without memory",
		file:    "arena/prepare.go",
		old:     "\t\tnext.ready = from\n",
		new:     "",
		test:    "TestArena_CommitAfterTrim",
	}, {
		name:    "committed from the old capacity",
		mistake: "growing after Trim leaves without memory what lies below the old capacity",
		file:    "arena/grow.go",
		old:     "a.commitRange(v, old.ready, goal)",
		new:     "a.commitRange(v, old.cap, goal)",
		test:    "TestArena_CommitAfterTrim",
	}, {
		name:    "holes left",
		mistake: "with Commit the holes of a caller's file have no memory",
		file:    "arena/prepare.go",
		old:     "if !a.commit || a.file.Allocated() >= to {",
		new:     "if true {",
		test:    "TestArena_CommitFile",
	}, {
		name:    "linear memory committed to the byte",
		mistake: "a LinearMemory forgets that the page it ends in has memory",
		file:    "arena/linear.go",
		old:     "\t\tm.committed = to\n",
		new:     "\t\tm.committed = n\n",
		test:    "TestLinearMemory_Commits",
	}, {
		name:    "linear memory committed when refused",
		mistake: "a LinearMemory counts memory that it did not get",
		file:    "arena/linear.go",
		old:     "\tif err == nil {\n\t\tm.committed = to\n\t}\n",
		new:     "\tm.committed = to\n",
		test:    "TestLinearMemory_Commits",
	}, {
		name:    "linear memory committed too late",
		mistake: "a LinearMemory takes one byte more for granted than it has",
		file:    "arena/linear.go",
		old:     "if m.lazy || n <= m.committed {",
		new:     "if m.lazy || n <= m.committed+1 {",
		test:    "TestLinearMemory_Commits",
	}, {
		name:    "fault after Free passed on",
		mistake: "CatchFault takes a use of bytes whose window has gone for a nil dereference",
		file:    "arena/fault.go",
		old:     "} else if !space.Places(fault.Addr()) {",
		new:     "} else {",
		test:    "TestCatchFault_AfterFree",
	}, {
		name:    "no offset of nothing",
		mistake: "Offset panics for the empty slice of an empty arena",
		file:    "arena/arena_unsafe.go",
		old:     "off <= uintptr(v.cap)",
		new:     "off < uintptr(v.cap)",
		test:    "TestArena_OffsetOfNothing",
	},
}
