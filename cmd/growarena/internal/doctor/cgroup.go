package doctor

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// unlimitedMin is the least number that stands for no limit: cgroup v1 shows
// the highest multiple of the page size.
const unlimitedMin = 1 << 62

// cgroup is what control groups say about memory: of all that this process is in, those that
// bind first.
type cgroup struct {
	unknown     bool   // there is no /proc to tell
	limit       uint64 // 0 is none
	file        string // which sets it
	version     int    // of the hierarchy, 1 or 2
	used, known uint64 // in the group that has the limit; known is 0 where that cannot be read
	high        uint64 // from where on the process is slowed down; 0 is none
	highFile    string
}

// cgroupOf looks at the control groups this process is in.
func cgroupOf(f files) (c cgroup) {
	c.unknown = f("/proc/self/mountinfo") == ""
	for _, h := range hierarchies(f) {
		for dir := h.dir; ; dir = path.Dir(dir) {
			if n, ok := f.limit(dir + "/" + h.limit); ok && (c.limit == 0 || n < c.limit) {
				c.limit, c.file, c.version = n, dir+"/"+h.limit, h.version
				c.used, c.known = 0, 0
				if used, ok := f.number(dir + "/" + h.used); ok {
					c.used, c.known = used, 1
				}
			}
			if n, ok := f.limit(dir + "/" + h.high); h.high != "" && ok && (c.high == 0 || n < c.high) {
				c.high, c.highFile = n, dir+"/"+h.high
			}
			if dir == h.mount || len(dir) <= len(h.mount) {
				break
			}
		}
		// A limit of a group that is not mounted here: v1 tells what comes of all of them.
		const stat, field = "/memory.stat", "hierarchical_memory_limit"
		if n, ok := f.field(h.dir+stat, field); h.version == 1 && ok && n < unlimitedMin && (c.limit == 0 || n < c.limit) {
			c.limit, c.file, c.version, c.used, c.known = n, h.dir+stat, 1, 0, 0
		}
	}
	return c
}

// limit returns the limit that is all of a file, and false if that is none: "max" is no number.
func (f files) limit(file string) (uint64, bool) {
	n, err := strconv.ParseUint(f(file), 10, 64)
	return n, err == nil && n < unlimitedMin
}

// field returns the number behind a name, in a file that has one of each in a line.
func (f files) field(file, name string) (uint64, bool) {
	for line := range strings.Lines(f(file)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// hierarchy is a hierarchy of control groups that limits memory: the directory of our group, where
// the hierarchy is mounted, and a group's files.
type hierarchy struct {
	dir, mount        string
	version           int
	limit, used, high string
}

// hierarchies finds the hierarchies of cgroup v1 and v2. See cgroups(7) for
// /proc/self/cgroup and proc_pid_mountinfo(5) for the other file.
func hierarchies(f files) []hierarchy {
	var v1, v2 string // our group
	for line := range strings.Lines(f("/proc/self/cgroup")) {
		field := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(field) < 3:
		case field[0] == "0" && field[1] == "":
			v2 = field[2]
		case hasWord(field[1], "memory"):
			v1 = field[2]
		}
	}
	var found []hierarchy
	for line := range strings.Lines(f("/proc/self/mountinfo")) {
		mount, fs, _ := strings.Cut(strings.TrimSpace(line), " - ")
		m, t := strings.Fields(mount), strings.Fields(fs)
		if len(m) < 5 || len(t) < 3 {
			continue
		}
		root, at := m[3], m[4]
		switch {
		case t[0] == "cgroup2" && v2 != "":
			found = append(found, hierarchy{within(at, root, v2), at, 2, "memory.max", "memory.current", "memory.high"})
		case t[0] == "cgroup" && v1 != "" && hasWord(t[2], "memory"):
			found = append(found, hierarchy{within(at, root, v1), at, 1, "memory.limit_in_bytes", "memory.usage_in_bytes", ""})
		}
	}
	return found
}

// within returns where group is, in a hierarchy whose part root is mounted at.
// In a container that sees its group mounted but not its name, that is the mount.
func within(at, root, group string) string {
	rest, ok := strings.CutPrefix(group, strings.TrimSuffix(root, "/"))
	if !ok || strings.HasPrefix(group, "/..") {
		return at
	}
	return path.Join(at, rest)
}

// hasWord reports whether a comma-separated list contains word.
func hasWord(list, word string) bool {
	return strings.Contains(","+list+",", ","+word+",")
}

// judgeCgroup judges the limit of a memory cgroup.
func judgeCgroup(c cgroup) Row {
	const name = "cgroup memory limit"
	if c.unknown {
		return missing(name, "unknown", "/proc/self/mountinfo cannot be read: there may be one, at which the kernel ends the process", "mount /proc")
	}
	if c.limit == 0 {
		return ok(name, "none")
	}
	value := size(c.limit)
	if c.known > 0 {
		value += fmt.Sprintf(", of which %s are in use", size(c.used))
	}
	return costs(name, fmt.Sprintf("%s (cgroup v%d, %s)", value, c.version, c.file),
		"memory of arenas counts towards it; at the limit the kernel ends the process at a touch, and growing lazily gives no error before",
		"Options.Commit makes it an error of Grow where huge pages work; else raise the limit of the container or unit (MemoryMax=)")
}

// judgeHigh judges from where on a cgroup slows its processes down.
func judgeHigh(c cgroup) Row {
	const name = "cgroup memory.high"
	if c.unknown {
		return missing(name, "unknown", "/proc/self/mountinfo cannot be read: there may be one, beyond which the process is slowed down", "mount /proc")
	}
	if c.high == 0 || c.limit > 0 && c.high >= c.limit {
		return ok(name, "none below the limit")
	}
	return costs(name, fmt.Sprintf("%s (%s)", size(c.high), c.highFile),
		"beyond it each page that is taken makes the process sleep while the kernel looks for memory to take back, of which arenas without swap have none: no error, and Commit sees none either",
		"raise memory.high of the container or unit (MemoryHigh=infinity), and leave the bound to memory.max")
}

// judgeGoLimit judges whether the Go heap keeps within the limit of a cgroup.
func judgeGoLimit(c cgroup, limit int64) Row {
	const name = "GOMEMLIMIT"
	switch {
	case limit == math.MaxInt64 && c.limit == 0:
		if c.unknown {
			return missing(name, "not set", "whether there is a cgroup's limit is not known: /proc/self/mountinfo cannot be read", "mount /proc")
		}
		return ok(name, "not set, nor is there a cgroup's limit")
	case limit == math.MaxInt64:
		return costs(name, "not set",
			"garbage of the Go heap grows towards the cgroup's limit as if there were no arenas: the kernel ends the process before it is collected",
			fmt.Sprintf("GOMEMLIMIT=%dMiB, and growarena.SetMemoryLimit(debug.SetMemoryLimit(-1)) first thing in main", max(c.limit/10*9>>20, 1)))
	case c.limit > 0 && uint64(limit) > c.limit:
		return costs(name, size(uint64(limit))+", more than the cgroup's limit",
			"the kernel ends the process before the heap keeps within it",
			fmt.Sprintf("GOMEMLIMIT=%dMiB", max(c.limit/10*9>>20, 1)))
	}
	return ok(name, size(uint64(limit))+"; growarena.SetMemoryLimit has it count arenas, too")
}
