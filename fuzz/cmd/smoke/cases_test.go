//go:build linux && !(386 || arm || mips || mipsle)

package main

// A smokeCase is something that a system refuses.
type smokeCase struct {
	name        string
	deny, limit string // as in the program's flags
	noproc      bool
	group       int  // bytes of a memory cgroup; steps that commit, in that mode
	short       bool // also in short tests, of which there are few
	killed      bool // documented: without MADV_COLLAPSE the OOM killer comes before an error
	right       bool // nothing that is refused stands in the way: each step is right
}

const (
	denyKeepSize  = "fallocate@1:1=EOPNOTSUPP"
	denyPunch     = "fallocate@1:3=EOPNOTSUPP"
	denyCollapse  = "madvise@2:25=EINVAL"
	denyPopulate  = "madvise@2:23=EINVAL"
	denyDontUnmap = "mremap@3:4&4=EINVAL"
	denySeals     = "fcntl@1:0x409="
)

var cases = []smokeCase{
	{name: "nothing", right: true},

	{name: "memfd_create, EPERM", deny: "memfd_create=EPERM", right: true},
	{name: "memfd_create, ENOSYS", deny: "memfd_create=ENOSYS", right: true},
	{name: "F_ADD_SEALS, EINVAL", deny: denySeals + "EINVAL", right: true},
	{name: "F_ADD_SEALS, EPERM", deny: denySeals + "EPERM", right: true},
	{name: "F_ADD_SEALS, ENOSYS", deny: denySeals + "ENOSYS", right: true},

	{name: "fallocate, mode 0", deny: "fallocate@1:0=EOPNOTSUPP", right: true},
	{name: "fallocate, KEEP_SIZE", deny: denyKeepSize, right: true},
	{name: "fallocate, PUNCH_HOLE", deny: denyPunch, right: true},
	{name: "fallocate, EOPNOTSUPP", short: true, deny: "fallocate=EOPNOTSUPP", right: true},
	{name: "fallocate, ENOSYS", deny: "fallocate=ENOSYS", right: true},
	{name: "fallocate, EPERM", deny: "fallocate=EPERM", right: true},

	{name: "mremap, ENOSYS", deny: "mremap=ENOSYS"},
	{name: "mremap, EINVAL", deny: "mremap=EINVAL"},
	{name: "mremap, DONTUNMAP", deny: denyDontUnmap},

	{name: "madvise", deny: "madvise=EINVAL", right: true},
	{name: "madvise, ENOSYS", deny: "madvise=ENOSYS", right: true},
	{name: "madvise, COLLAPSE", deny: denyCollapse, right: true},
	{name: "madvise, POPULATE_WRITE", deny: denyPopulate, right: true},
	{name: "madvise, COLLAPSE and POPULATE_WRITE", deny: denyCollapse + "," + denyPopulate, right: true},
	{name: "madvise, GUARD_INSTALL", deny: "madvise@2:102=EINVAL", right: true},
	{name: "mincore, ENOSYS", deny: "mincore=ENOSYS", right: true},
	{name: "mincore, EPERM", deny: "mincore=EPERM", right: true},
	{name: "userfaultfd", deny: "userfaultfd=EPERM", right: true},
	{name: "prctl", deny: "prctl@0:0x53564d41=EINVAL", right: true}, // PR_SET_VMA

	{name: "proc", noproc: true, right: true},
	{name: "proc, little address space", noproc: true, limit: "as=2048000000"},
	{name: "address space", limit: "as=2048000000"},
	{name: "address space, very little", limit: "as=1000000000"},
	{name: "length of files", limit: "fsize=1073741824", right: true},
	{name: "length of files, very little", limit: "fsize=8388608"},
	{name: "descriptors", limit: "nofile=16"},

	{name: "memory", group: 96 * mib},
	{name: "memory, COLLAPSE", group: 96 * mib, deny: denyCollapse, killed: true},
	{name: "memory, madvise", group: 96 * mib, deny: "madvise=EINVAL", killed: true},
}
