package doctor

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/track"
)

// machine is a made-up one: files by path.
func machine(m map[string]string) files {
	return func(path string) string { return m[path] }
}

func TestCgroupLimit(t *testing.T) {
	const (
		v1     = "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
		v1part = "34 30 0:31 /docker/ab /sys/fs/cgroup/memory ro,relatime master:11 - cgroup cgroup rw,memory\n"
		v1cpu  = "31 30 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
		v2     = "40 22 0:37 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
	)
	for name, test := range map[string]struct {
		files map[string]string
		limit uint64
		file  string
	}{
		"no control groups": {nil, 0, ""},
		"v2, a limit of its own": {map[string]string{
			"/proc/self/cgroup": "0::/a/b", "/proc/self/mountinfo": v2, "/sys/fs/cgroup/a/b/memory.max": "1048576",
		}, 1 << 20, "/sys/fs/cgroup/a/b/memory.max"},
		"v2, a lower limit further up": {map[string]string{
			"/proc/self/cgroup": "0::/a/b", "/proc/self/mountinfo": v2,
			"/sys/fs/cgroup/a/b/memory.max": "1048576", "/sys/fs/cgroup/a/memory.max": "4096",
		}, 4096, "/sys/fs/cgroup/a/memory.max"},
		"v2, max": {map[string]string{
			"/proc/self/cgroup": "0::/", "/proc/self/mountinfo": v2, "/sys/fs/cgroup/memory.max": "max",
		}, 0, ""},
		"v2, in a container with a namespace of its own": {map[string]string{
			"/proc/self/cgroup": "0::/", "/proc/self/mountinfo": v2, "/sys/fs/cgroup/memory.max": "77",
		}, 77, "/sys/fs/cgroup/memory.max"},
		"v2, from outside the namespace": {map[string]string{
			"/proc/self/cgroup": "0::/../other", "/proc/self/mountinfo": v2, "/sys/fs/cgroup/memory.max": "78",
		}, 78, "/sys/fs/cgroup/memory.max"},
		"v1": {map[string]string{
			"/proc/self/cgroup": "5:cpu:/x\n4:memory:/a\n0::/", "/proc/self/mountinfo": v1cpu + v1,
			"/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4096",
		}, 4096, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes"},
		"v1, no limit": {map[string]string{
			"/proc/self/cgroup": "4:memory:/", "/proc/self/mountinfo": v1,
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
		}, 0, ""},
		"v1, a part of the hierarchy mounted": {map[string]string{
			"/proc/self/cgroup": "4:memory:/docker/ab", "/proc/self/mountinfo": v1part,
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "8192",
		}, 8192, "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if c := cgroupOf(machine(test.files)); c.limit != test.limit || c.file != test.file {
				t.Errorf("got %d in %q, want %d in %q", c.limit, c.file, test.limit, test.file)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	meminfo := "MemTotal:       24683620 kB\nMemAvailable:   23925128 kB\nCommitLimit:    1024 kB\nCommitted_AS:     512 kB\n"
	overcommit := func(mode string) Row {
		return judgeOvercommit(machine(map[string]string{"/proc/sys/vm/overcommit_memory": mode, "/proc/meminfo": meminfo}))
	}
	feature := func(name string, err error) Row {
		return judgeFeature(arena.Feature{Name: name, Use: "for this", Err: err})
	}
	for name, test := range map[string]struct {
		row     Row
		verdict Verdict
		says    string // in any column
	}{
		"two processors":                 {judgeProcessors(2, 2), OK, "2"},
		"one processor":                  {judgeProcessors(4, 1), Costs, "GOMAXPROCS"},
		"47 bits":                        {judgeAddresses(0x7ffe56ec2000), OK, "47 bits"},
		"48 bits":                        {judgeAddresses(0xfffff7ff0000), OK, "48 bits"},
		"39 bits":                        {judgeAddresses(0x7ffe56e000), Costs, "39 bits"},
		"no /proc/self/maps":             {judgeAddresses(0), Missing, "mount /proc"},
		"a big window":                   {judgeWindow(32<<40, "tried"), OK, "32 TiB"},
		"a small window":                 {judgeWindow(2<<30, "tried"), Costs, "2.0 GiB"},
		"memory":                         {judgeMemory(machine(map[string]string{"/proc/meminfo": meminfo})), OK, "24 GiB"},
		"memory unknown":                 {judgeMemory(machine(nil)), Missing, "mount /proc"},
		"no cgroup":                      {judgeCgroup(cgroupOf(machine(map[string]string{"/proc/self/mountinfo": "23 1 8:1 / / rw - ext4 /dev/root rw"}))), OK, "none"},
		"no /proc/self/mountinfo":        {judgeCgroup(cgroupOf(machine(nil))), Missing, "mount /proc"},
		"… for memory.high":              {judgeHigh(cgroupOf(machine(nil))), Missing, "mount /proc"},
		"… for GOMEMLIMIT":               {judgeGoLimit(cgroupOf(machine(nil)), math.MaxInt64), Missing, "mount /proc"},
		"huge pages advised":             {judgeShmem("always within_size [advise] never deny force", false, false), OK, "advise"},
		"huge pages never, but collapse": {judgeShmem("always within_size advise [never] deny force", true, false), Costs, "HugeAlways has no effect"},
		"huge pages never, but a tmpfs":  {judgeShmem("always within_size advise [never] deny force", true, true), OK, "a tmpfs of its own"},
		"huge pages never":               {judgeShmem("always within_size advise [never] deny force", false, false), Costs, "does not work"},
		"huge pages denied":              {judgeShmem("always within_size advise never [deny] force", true, false), Costs, "echo advise > /sys"},
		"no huge pages":                  {judgeShmem("", false, false), Missing, "CONFIG_SHMEM"},
		"overcommit 0":                   {overcommit("0"), OK, "0"},
		"overcommit 2":                   {overcommit("2"), Costs, "512 KiB of 1.0 MiB"},
		"overcommit unknown":             {overcommit(""), OK, "no such setting"},
		"few mappings":                   {judgeMaps(65530), Costs, "16,382 arenas"},
		"many mappings":                  {judgeMaps(1 << 20), OK, "1,048,576"},
		"few descriptors":                {judgeFiles(1024), Costs, "ulimit -n"},
		"many descriptors":               {judgeFiles(1 << 20), OK, "1,048,576"},
		"descriptors without limit":      {judgeFiles(math.MaxUint64), OK, "unlimited"},
		"addresses without limit":        {judgeLimitAS(math.MaxUint64, 1), OK, "unlimited"},
		"addresses with limit":           {judgeLimitAS(4<<30, 1<<30), Costs, "4.0 GiB, of which 1.0 GiB"},
		"files of any size":              {judgeFileSize(math.MaxUint64), OK, "unlimited"},
		"files of a size":                {judgeFileSize(1 << 20), Costs, "ulimit -f unlimited"},
		"a feature":                      {feature("memfd", nil), OK, "for this"},
		"an old kernel":                  {feature("populate", os.NewSyscallError("madvise", sys.EINVAL)), Missing, "Linux 5.14"},
		"a sandbox":                      {feature("memfd", os.NewSyscallError("memfd_create", sys.EPERM)), Missing, "seccomp"},
		"not Linux":                      {feature("memfd", fmt.Errorf("memfd_create: %w", errors.ErrUnsupported)), Missing, "Linux"},
		"written pages":                  {judgeTracking(nil), OK, "PAGEMAP_SCAN"},
		"written pages, an old kernel":   {judgeTracking(fmt.Errorf("%w: ioctl: %w", track.ErrUnsupported, sys.EINVAL)), Missing, "Linux 6.7"},
		"written pages, a sandbox":       {judgeTracking(fmt.Errorf("%w: userfaultfd: %w", track.ErrUnsupported, sys.EPERM)), Missing, "seccomp"},
		"written pages, no /proc":        {judgeTracking(fmt.Errorf("%w: %w", track.ErrUnsupported, sys.ENOENT)), Missing, "mount /proc"},
		"a feature nobody knows":         {feature("telepathy", errDeaf), Missing, "you do without: for this"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.row
			if r.Verdict != test.verdict || !strings.Contains(strings.Join([]string{r.Value, r.Cost, r.Change}, "\n"), test.says) {
				t.Errorf("got %+v, want %s and %q", r, test.verdict, test.says)
			}
			if (r.Verdict == OK) != (r.Cost == "") || (r.Cost == "") != (r.Change == "") {
				t.Errorf("what is not ok has a cost and a change: %+v", r)
			}
		})
	}
}

var errDeaf = errors.New("nobody answers")

// TestFeatureNames has an answer ready for each feature there is.
func TestFeatureNames(t *testing.T) {
	for _, f := range arena.Features() {
		if _, ok := absents[f.Name]; !ok {
			t.Errorf("nothing is known of %q", f.Name)
		}
	}
}

func TestExamine(t *testing.T) {
	r := Examine()
	if !r.Usable {
		t.Skip("no arenas here")
	}
	for _, row := range r.Rows {
		if row.Group == "growth" && row.Name != "rehome" && row.Verdict != OK {
			t.Errorf("%+v", row)
		}
	}
	// What it says of written pages is what who asks for them gets.
	for _, row := range r.Rows {
		if row.Name == "written pages" {
			if err := tryTracking(); (row.Verdict == OK) != (err == nil) || err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%+v: %v", row, err)
			}
			return
		}
	}
	t.Error("nothing is said of written pages")
}
