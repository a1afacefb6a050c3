package doctor

import (
	"path"
	"strconv"
	"strings"
)

// unlimitedMin is the least number that stands for no limit: cgroup v1 shows
// the highest multiple of the page size.
const unlimitedMin = 1 << 62

// cgroupLimit returns the lowest memory limit of the control groups this process
// is in, and the file that sets it. 0 means none.
func cgroupLimit(f files) (limit uint64, file string) {
	for _, h := range hierarchies(f) {
		for dir := h.dir; ; dir = path.Dir(dir) {
			// A limit of "max" is no number.
			n, err := strconv.ParseUint(f(dir+"/"+h.file), 10, 64)
			if err == nil && n < unlimitedMin && (limit == 0 || n < limit) {
				limit, file = n, dir+"/"+h.file
			}
			if dir == h.mount || len(dir) <= len(h.mount) {
				break
			}
		}
	}
	return limit, file
}

// hierarchy is a hierarchy of control groups that limits memory: the directory of
// our group, where the hierarchy is mounted, and the file with a group's limit.
type hierarchy struct{ dir, mount, file string }

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
			found = append(found, hierarchy{within(at, root, v2), at, "memory.max"})
		case t[0] == "cgroup" && v1 != "" && hasWord(t[2], "memory"):
			found = append(found, hierarchy{within(at, root, v1), at, "memory.limit_in_bytes"})
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
