package main

// memfileMutants are mistakes in what is done to files that others may use, too.
var memfileMutants = []mutant{
	{
		name:    "no lock",
		mistake: "two processes grow one file",
		file:    "internal/memfile/adopt.go",
		old:     "err := sys.Lock(f.fd)",
		new:     "err := error(nil)",
		test:    "TestAdopt_OtherProcess",
	}, {
		name:    "no list of files in use",
		mistake: "where there are no locks two arenas of a process grow one file",
		file:    "internal/memfile/adopt.go",
		old:     "inUse.files[f.id] = name",
		new:     "_ = name",
		test:    "TestAdopt_Once",
	}, {
		name:    "file stays in use",
		mistake: "after Close nobody else gets the file",
		file:    "internal/memfile/adopt.go",
		old:     "delete(inUse.files, f.id)",
		new:     "_ = f.id",
		test:    "TestAdopt_Once",
	}, {
		name:    "lock outlives Close",
		mistake: "where the descriptor is a duplicate of the caller's the lock stays with that",
		file:    "internal/memfile/adopt.go",
		old:     "_ = sys.Unlock(f.fd)",
		new:     "_ = f.fd",
		test:    "TestAdopt_Once",
	}, {
		name:    "missing locks are an error",
		mistake: "on file systems without locks no file can be adopted",
		file:    "internal/memfile/adopt.go",
		old:     "case err != nil && !sys.IsDenied(err) && !errors.Is(err, sys.ENOLCK):",
		new:     "case err != nil:",
		test:    "TestAdopt_Once",
	}, {
		name:    "the caller's lock is ours",
		mistake: "the lock is taken, and given back, for the caller's descriptors, too",
		file:    "internal/memfile/adopt.go",
		old:     "\tf.closeFd()\n\tf.fd = own\n",
		new:     "\t_ = sys.Close(own)\n",
		test:    "TestAdopt_ForeignLock",
	}, {
		name:    "read-only file adopted",
		mistake: "a file that cannot be written to is refused by mmap, which does not say why",
		file:    "internal/memfile/adopt.go",
		old:     "case !readWrite:",
		new:     "case !readWrite && appends:",
		test:    "TestAdopt_NotBothWays",
	},
}
