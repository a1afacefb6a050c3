package main

// localGuardMutants are mistakes in the guard of an arena that one goroutine has.
var localGuardMutants = []mutant{
	{
		name:    "pin within a pin looks again",
		mistake: "a LocalGuard that is pinned within a pin shows a length that its view has not",
		file:    "arena/localguard.go",
		old:     "\tif g.held.View == nil {\n\t\tg.n = g.a.Len()\n\t}\n",
		new:     "\tg.n = g.a.Len()\n",
		test:    "TestLocalGuard_Keeps",
	}, {
		name:    "pin within a pin not counted",
		mistake: "the Unpin of a LocalGuard's inner pin ends the outer one",
		file:    "internal/mapping/localguard.go",
		pkg:     "arena",
		old:     "\t\tg.nested++\n",
		new:     "",
		test:    "TestLocalGuard_Keeps",
	}, {
		name:    "late LocalGuard stays pinned",
		mistake: "a LocalGuard that comes after Free leaves its pin behind, which holds what others retire",
		file:    "internal/mapping/localguard.go",
		pkg:     "arena",
		old:     "\t\t\tg.pin.Unpin() // It would hold what others retire in the domain, for good.\n",
		new:     "",
		test:    "TestLocalGuard_AfterFree/classic",
	},
}
