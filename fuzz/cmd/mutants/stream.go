package main

// streamMutants are mistakes in package stream.
var streamMutants = []mutant{
	{
		name:    "who waits is not looked for",
		mistake: "an append does not wake who waits for it",
		file:    "stream/order.go",
		old:     "\to.after.Store(true) // Pairs with publish.\n",
		new:     "",
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
	},
}
