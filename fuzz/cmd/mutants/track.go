package main

// trackMutants are mistakes in noting which pages were written: internal/dirty, package track, and the
// checkpoints of arenas.
var trackMutants = []mutant{
	{
		name:    "not protected in the same step",
		mistake: "pages that were found written are not protected with that",
		file:    "internal/sys/userfault_linux.go",
		old:     "flags: scanWatched | scanProtect,",
		new:     "flags: scanWatched,",
		pkg:     "internal/dirty",
		test:    "TestScan_Quiet",
	}, {
		name:    "protection that came along",
		mistake: "memory whose page tables were moved in counts as clean where it was protected before",
		file:    "internal/dirty/dirty.go",
		old:     "err := sys.ClearRange(w.uffd, start, end-start); err != nil {",
		new:     "err := error(nil); err != nil {",
		test:    "TestAddMoved",
	}, {
		name:    "vector too short",
		mistake: "where there are more runs than the kernel is given room for, the rest is left out",
		file:    "internal/dirty/area.go",
		old:     "\t\tfrom = at\n",
		new:     "\t\tfrom = max(at, to)\n",
		test:    "TestScan_Vector",
	}, {
		name:    "rest of a report",
		mistake: "who stops in the middle of a report never gets the rest",
		file:    "track/track.go",
		old:     "\t\t\tt.pending = slices.Delete(t.pending, 0, i+1)\n",
		new:     "\t\t\tt.pending = slices.Delete(t.pending, 0, len(t.pending)+0*i)\n",
		test:    "TestTracker_Stop",
	}, {
		name:    "report after an error",
		mistake: "what a scan had found that failed is forgotten",
		file:    "track/track.go",
		old:     "\t\t\t\t\tt.all = true\n",
		new:     "",
		test:    "TestTracker_Failure",
	}, {
		name:    "memory unmapped meanwhile",
		mistake: "nobody looks whether what is tracked is still mapped",
		file:    "track/track.go",
		old:     "err = sys.IsMapped(from, to-from)",
		new:     "_ = sys.IsMapped",
		test:    "TestTracker_Gone",
	}, {
		name:    "Go memory",
		mistake: "Go heap may be tracked",
		file:    "internal/dirty/range.go",
		old:     "\tcase isGo(b):\n",
		new:     "\tcase false:\n",
		pkg:     "track",
		test:    "TestNew_Errors",
	},
}
