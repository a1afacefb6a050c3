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
		old:     "\t\tr.f.tracks[i].zero(r.at*size, int64(r.n)*size)\n",
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
	},
}
