package main

// againMutants are mistakes of followers of package shm that hold no descriptor.
var againMutants = []mutant{
	{
		name:    "another buffer of the name",
		mistake: "a follower without a descriptor goes on with another buffer that has the name",
		file:    "shm/again.go",
		old:     "if err == nil && now != f.org {",
		new:     "if err == nil && now.flags != f.org.flags {",
		test:    "TestNoDescriptor/tmpfs",
	}, {
		name:    "held after a wait",
		mistake: "a follower that has waited keeps its control page and the descriptors",
		file:    "shm/wait.go",
		old:     "\t\t\tf.detach(f.l)\n\t\t}\n\t}) {",
		new:     "\t\t}\n\t}) {",
		test:    "TestNoDescriptor/tmpfs",
	}, {
		name:    "no page where it is busy",
		mistake: "a control page that changes while it is copied is believed to be as it was in the first copy",
		file:    "shm/again.go",
		old:     "\t\treturn nil, nil\n\t}\n\treturn &second, nil",
		new:     "\t\treturn &first, nil\n\t}\n\treturn &second, nil",
		test:    "TestNoDescriptor_Busy",
	},
}
