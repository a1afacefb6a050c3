package main

// epochMutants are mistakes in package epoch that need no interleaving. Those
// that do are in explorer.go.
var epochMutants = []mutant{
	{
		name:    "pins look alike",
		mistake: "the pins of a slot have no number: an old copy of a guard unpins somebody else's pin",
		file:    "epoch/word.go",
		old:     "return version<<versionShift | (old+seqOne)&seqMask | activeBit",
		new:     "return version<<versionShift | old&seqMask | activeBit",
		test:    "TestGuard_Misuse/unpinned_through_a_copy",
	}, {
		name:    "limit ignored",
		mistake: "retired bytes pile up beyond MaxRetired",
		file:    "epoch/publish.go",
		old:     "if limit == 0 || n == 0 || n <= limit-d.held {",
		new:     "if limit == 0 || n == 0 || n <= limit {",
		test:    "TestDomain_LimitIsAnErrorThatNamesTheReader",
	}, {
		name:    "freed bytes count on",
		mistake: "what was freed counts towards the limit for ever",
		file:    "epoch/reaper.go",
		old:     "\td.held -= e.Bytes\n",
		new:     "",
		test:    "TestDomain_LimitWithoutReadersNeverRefuses",
	}, {
		name:    "versions wrap around",
		mistake: "after the last version comes one that looks older",
		file:    "epoch/publish.go",
		old:     "\t\tif d.version >= versionMax-1 {\n",
		new:     "\t\tif d.version >= versionMax {\n",
		test:    "TestDomain_LastVersion",
	}, {
		name:    "birth above death",
		mistake: "a thing that was born after it died is taken, and is held by nobody",
		file:    "epoch/retire.go",
		old:     "if r.Birth >= version {",
		new:     "if r.Birth > version+100 {",
		test:    "TestGuard_Misuse/arguments",
	}, {
		name:    "Read leaks the pin of a panic",
		mistake: "a panic in the function that Read calls leaves its guard pinned",
		file:    "epoch/domain.go",
		old:     "\tdefer g.Unpin()\n\treturn f(g.Value())\n",
		new:     "\terr = f(g.Value())\n\tg.Unpin()\n\treturn err\n",
		test:    "TestDomain_ReadUnpinsOnPanic",
	}, {
		name:    "Refresh keeps the old value",
		mistake: "the pin moves on, the value does not: it may be freed",
		file:    "epoch/guard.go",
		old:     "\tl.end()\n\tg.view = v\n\tif v == nil {\n",
		new:     "\tl.end()\n\tif v == nil {\n\t\tg.view = nil\n",
		test:    "TestDomain_PinSeesTheNewestValue",
	}, {
		name:    "dead copy unnoticed",
		mistake: "in a debug domain, the value of a guard that was unpinned through a copy can be had",
		file:    "epoch/guard.go",
		old:     "\tif v.lease != nil {\n\t\tg.checkWord()\n\t}\n",
		new:     "",
		test:    "TestGuard_DebugChecksTheWord",
	}, {
		name:    "stalled pin told twice",
		mistake: "a stall is reported at every scan",
		file:    "epoch/stall.go",
		old:     "\t\tp.told = true\n",
		new:     "",
		test:    "TestStall_ToldOnce",
	}, {
		name:    "lost guard not listed",
		mistake: "Stats does not show lost guards",
		file:    "epoch/trace.go",
		old:     "if len(d.lost) < lostMax {",
		new:     "if false {",
		test:    "TestGuard_LostIsReported",
	}, {
		name:    "Close spares the readers' values",
		mistake: "what Close retires is forgotten",
		file:    "epoch/wait.go",
		old:     "\td.addLocked(version, drop)\n\tg := d.addGateLocked(version)\n",
		new:     "\tg := d.addGateLocked(version)\n",
		test:    "TestDomain_Close/nothing_pinned",
	}, {
		name:    "sequence number too narrow",
		mistake: "a stale copy of a guard is mistaken for a live one after a quarter of the pins that it should take",
		file:    "epoch/word.go",
		old:     "(1<<19 - 1) << 1",
		new:     "(1<<17 - 1) << 1",
		test:    "TestGuard_StaleForLong",
	},
}
