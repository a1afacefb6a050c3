package main

// exploredStream returns a mutant of order.go that the explorer has to find in the scenario of
// that name.
func exploredStream(name, scenario, mistake, old, new string) mutant {
	return mutant{
		name: name, mistake: mistake, file: "stream/order.go", old: old, new: new,
		test: "TestExplore/" + subtest(scenario), args: []string{"-tags=explorestream"},
	}
}

// streamMutants are mistakes in package stream.
var streamMutants = []mutant{
	exploredStream("a range is left without a look", "two appenders",
		"who overtakes leaves his range, and the one before has just published",
		"\to.insert(from, to)\n\t// The owner of the range before may have stored end before next was.\n\to.look()\n", "\to.insert(from, to)\n"),
	exploredStream("waiting begins without a look", "who waits",
		"an append between the first look and the entry in the list wakes nobody",
		"\tif o.end.Load() >= at {\n\t\to.look()\n\t}\n\treturn c\n", "\treturn c\n"),
	exploredStream("what waits is looked for before", "who waits",
		"an append looks who waits, and then stores the end",
		"\t\to.end.Store(to)\n\t\t// Pairs with whenPublished and leave, which store next and look at end then.\n\t\t// Whichever comes second sees the other.\n\t\tif next := o.next.Load(); next == 0 || to < next {\n",
		"\t\tnext := o.next.Load()\n\t\to.end.Store(to)\n\t\tif next == 0 || to < next {\n"),
	exploredStream("late ranges are not next", "who waits for one that was overtaken",
		"behind who waits for more nobody publishes what is late",
		"if len(o.calls) > 0 && (next == 0 || o.calls[0].at < next) {", "if len(o.calls) > 0 {"),
	{
		name:    "who waits is not looked for",
		mistake: "an append does not wake who waits for it",
		file:    "stream/order.go",
		old:     "\to.settle() // Pairs with publish.\n\to.mu.Unlock()\n",
		new:     "\to.mu.Unlock()\n",
		test:    "TestOrder_Wakes",
	}, {
		name:    "overtakers not joined",
		mistake: "of two that have overtaken the second stays unseen",
		file:    "stream/order.go",
		old:     "if i > 0 && o.late[i-1].to == from {",
		new:     "if i > 0 && o.late[i-1].to == from && to < 0 {",
		test:    "TestOrder/middle_first",
	}, {
		name:    "a failed append leaves its bytes",
		mistake: "the next function finds what one before has written",
		file:    "stream/rows.go",
		old:     "\t\ts.clear(&f.tracks[i], at*size, (at+n)*size)\n",
		new:     "\t\t_, _ = i, size\n",
		test:    "TestStream_Unwritten",
	}, {
		name:    "limit checked at growth only",
		mistake: "more is live than Options.Limit",
		file:    "stream/frame.go",
		old:     "soft := min(f.ready, s.front.Load()+s.limit)",
		new:     "soft := f.ready",
		test:    "TestStream_BadInput",
	}, {
		name:    "window gone under an append",
		mistake: "a window is retired while an append under way writes to it",
		file:    "stream/retire.go",
		old:     "s.order.whenPublished(f.tail.Load()&^shutBit, func() { s.drained(f) })",
		new:     "s.drained(f)",
		test:    "TestStream_Stall/returns",
	}, {
		name:    "what waits published again",
		mistake: "rows that wait for their turn are published twice, and nothing after them",
		file:    "stream/order.go",
		old:     "from < end || o.isLate(from, to)",
		new:     "from < end",
		test:    "TestRows_PublishTwice",
	}, {
		name:    "published rows canceled",
		mistake: "Cancel through a copy clears what is published",
		file:    "stream/rows.go",
		old:     "if s.order.has(at) {",
		new:     "if at < 0 {",
		test:    "TestRows_CancelDeferred",
	}, {
		name:    "a fault stops the stream",
		mistake: "an append whose source faults is neither published nor taken back",
		file:    "stream/stream.go",
		old:     "\t\t\ts.abandon(f, off, n)\n",
		new:     "",
		test:    "TestAppend_Fault",
	}, {
		name:    "what fails is touched",
		mistake: "a failed append of a big range takes memory for all of it",
		file:    "stream/rows.go",
		old:     "to-from <= extentSize || s.commit",
		new:     "to > from || s.commit",
		test:    "TestAppend_Untouched",
	}, {
		name:    "promised memory given back",
		mistake: "with Commit a failed append leaves bytes without memory",
		file:    "stream/rows.go",
		old:     "to-from <= extentSize || s.commit",
		new:     "to-from <= extentSize",
		test:    "TestAppend_Untouched",
	}, {
		name:    "a snapshot beyond its frame",
		mistake: "a pin that was preempted while the stream moved sees what only a newer frame shows",
		file:    "stream/guard.go",
		old:     "g.end = min(g.end, tail&^shutBit)",
		new:     "g.end = min(g.end, f.end)",
		test:    "TestPin_Preempted/own",
	}, {
		name:    "no end of waiting",
		mistake: "who waits for the last number there is waits for nothing",
		file:    "stream/wait.go",
		old:     "max(off, off+1)",
		new:     "off+1",
		test:    "TestFar",
	}, {
		name:    "a limit without a bound",
		mistake: "a stream of a very high limit has the smallest windows",
		file:    "stream/track.go",
		old:     " && opts.Limit < reserveDefault/2",
		new:     "",
		test:    "TestFar",
	}, {
		name:    "given back in one",
		mistake: "one call gives back all, and who makes the file longer waits for it",
		file:    "stream/drop.go",
		old:     "min(align.Down(h.from, punchMost)+punchMost, h.to)",
		new:     "max(align.Down(h.from, punchMost), h.to)",
		test:    "TestDropFront_Pieces",
	}, {
		name:    "columns of no group",
		mistake: "columns of a group that could not be made belong to it",
		file:    "stream/group.go",
		old:     "if !opened {",
		new:     "if opened {",
		test:    "TestNewGroup_Panics",
	}, {
		name:    "an old guard keeps new windows",
		mistake: "what is dropped at once has the birth of its oldest byte",
		file:    "stream/drop.go",
		old:     "if i < len(s.births)-1 {",
		new:     "if i < 0 {",
		test:    "TestStream_GuardKeepsItsWindow",
	}, {
		name:    "what is refused is kept",
		mistake: "what a full domain refuses stays for ever",
		file:    "stream/retire.go",
		old:     "\t\tgo s.freeRefused()\n",
		new:     "\t\t_ = s.freeRefused\n",
		test:    "TestStream_Refused/full",
	}, {
		name:    "pieces of a later file at the wrong place",
		mistake: "what a guard sees of a file that is not the stream's first is given back",
		file:    "stream/drop.go",
		old:     "b.end*t.size-start)",
		new:     "b.end*t.size-2*start)",
		test:    "TestStream_GuardKeepsLaterFiles",
	},
}
