package doctor

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
)

// root makes files below a folder, as they lie below the root of a machine.
func root(t *testing.T, all map[string]string) files {
	t.Helper()
	dir := t.TempDir()
	for path, text := range all {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return below(dir)
}

const (
	rootV2     = "29 21 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	overlay    = "520 430 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/AB:/var/lib/docker/overlay2/l/CD\n"
	pod        = "/kubepods.slice/kubepods-pod1.slice"
	unlimited1 = "9223372036854771712"
)

// roots are machines that are not at hand: containers and units of both versions of control groups.
var roots = map[string]struct {
	files map[string]string

	container, limit, used, high, goLimit string // what the rows say; "" is: nothing to change
	in                                    string // where the limit stands
}{
	"no control groups": {map[string]string{"/proc/self/mountinfo": "23 1 8:1 / / rw - ext4 /dev/root rw"}, "", "", "", "", "", ""},
	"Docker on v2": {map[string]string{
		"/proc/self/cgroup": "0::/", "/proc/self/mountinfo": overlay + rootV2,
		"/sys/fs/cgroup/memory.max": "536870912", "/sys/fs/cgroup/memory.current": "134217728", "/sys/fs/cgroup/memory.high": "max",
	}, "Docker (the layers of /)", "512 MiB", "128 MiB", "", "GOMEMLIMIT=460MiB", "v2, /sys/fs/cgroup/memory.max"},
	"Docker on v2, without a limit": {map[string]string{
		"/proc/self/cgroup": "0::/", "/proc/self/mountinfo": overlay + rootV2, "/sys/fs/cgroup/memory.max": "max", "/sys/fs/cgroup/memory.high": "max",
	}, "Docker (the layers of /)", "", "", "", "", ""},
	"a pod on v2, whose limit is that of the pod": {map[string]string{
		"/proc/self/cgroup": "0::" + pod + "/cri-containerd-2.scope", "/proc/self/mountinfo": rootV2,
		"/sys/fs/cgroup" + pod + "/cri-containerd-2.scope/memory.max": "max", "/sys/fs/cgroup" + pod + "/cri-containerd-2.scope/memory.current": "1",
		"/sys/fs/cgroup" + pod + "/memory.max": "1073741824", "/sys/fs/cgroup" + pod + "/memory.current": "2097152",
	}, "Kubernetes (/proc/self/cgroup)", "1.0 GiB", "2.0 MiB", "", "GOMEMLIMIT=921MiB", "v2, /sys/fs/cgroup" + pod + "/memory.max"},
	"a unit on v2 with MemoryHigh": {map[string]string{
		"/proc/self/cgroup": "0::/system.slice/db.service", "/proc/self/mountinfo": rootV2,
		"/sys/fs/cgroup/system.slice/db.service/memory.max": "max", "/sys/fs/cgroup/system.slice/db.service/memory.high": "268435456",
	}, "", "", "", "256 MiB (/sys/fs/cgroup/system.slice/db.service/memory.high)", "", ""},
	"a unit on v2 with MemoryHigh below MemoryMax": {map[string]string{
		"/proc/self/cgroup": "0::/a", "/proc/self/mountinfo": rootV2,
		"/sys/fs/cgroup/a/memory.max": "4294967296", "/sys/fs/cgroup/a/memory.high": "4294967296", "/sys/fs/cgroup/memory.high": "1048576",
	}, "", "4.0 GiB", "", "1.0 MiB (/sys/fs/cgroup/memory.high)", "GOMEMLIMIT=3686MiB", "v2, /sys/fs/cgroup/a/memory.max"},
	"Docker on v1": {map[string]string{
		"/proc/self/cgroup":                           "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n1:name=systemd:/docker/ab",
		"/proc/self/mountinfo":                        "34 30 0:31 /docker/ab /sys/fs/cgroup/memory ro,relatime master:11 - cgroup cgroup rw,memory\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": "8388608", "/sys/fs/cgroup/memory/memory.usage_in_bytes": "4194304",
	}, "Docker (/proc/self/cgroup)", "8.0 MiB", "4.0 MiB", "", "GOMEMLIMIT=7MiB", "v1, /sys/fs/cgroup/memory/memory.limit_in_bytes"},
	"v1, the limit is that of a group that is not mounted": {map[string]string{
		"/proc/self/cgroup": "4:memory:/", "/proc/self/mountinfo": "34 30 0:31 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": unlimited1, "/sys/fs/cgroup/memory/memory.usage_in_bytes": "5",
		"/sys/fs/cgroup/memory/memory.stat": "cache 1\nhierarchical_memory_limit 16777216\nhierarchical_memsw_limit 1",
	}, "", "16 MiB", "", "", "GOMEMLIMIT=14MiB", "v1, /sys/fs/cgroup/memory/memory.stat"},
	"v1, no limit": {map[string]string{
		"/proc/self/cgroup": "4:memory:/", "/proc/self/mountinfo": "34 30 0:31 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": unlimited1,
		"/sys/fs/cgroup/memory/memory.stat":           "hierarchical_memory_limit " + unlimited1,
	}, "", "", "", "", "", ""},
	"both versions, memory in v1": {map[string]string{
		"/proc/self/cgroup":                             "4:memory:/a\n0::/user.slice",
		"/proc/self/mountinfo":                          "34 30 0:31 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n40 22 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
		"/run/systemd/container":                        "lxc",
		"/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "2097152",
	}, "lxc (/run/systemd/container)", "2.0 MiB", "", "", "GOMEMLIMIT=1MiB", "v1, /sys/fs/cgroup/memory/a/memory.limit_in_bytes"},
}

// TestRoots: what control groups and containers come to, of both versions, from files that lie
// below a root.
func TestRoots(t *testing.T) {
	for name, test := range roots {
		t.Run(name, func(t *testing.T) {
			f := root(t, test.files)
			c := cgroupOf(f)
			check := func(r Row, says ...string) {
				t.Helper()
				if r.Name == "container" {
					if r.Verdict != OK || !strings.Contains(r.Value, says[0]) || says[0] == "" && r.Value != "none that can be seen" {
						t.Errorf("%+v, want %q", r, says)
					}
					return
				}
				if (r.Verdict == OK) != (says[0] == "") || (r.Verdict == Costs) != (r.Cost != "" && r.Change != "") {
					t.Errorf("%+v, want %q", r, says)
				}
				for _, s := range says {
					if text := r.Value + "\n" + r.Change; !strings.Contains(text, s) {
						t.Errorf("%+v does not say %q", r, s)
					}
				}
			}
			check(judgeContainer(f), test.container)
			used := ""
			if test.used != "" {
				used = "of which " + test.used + " are in use"
			}
			check(judgeCgroup(c), test.limit, used, test.in)
			if test.used == "" && strings.Contains(judgeCgroup(c).Value, "in use") {
				t.Errorf("nobody knows what is in use: %+v", judgeCgroup(c))
			}
			check(judgeHigh(c), test.high)
			check(judgeGoLimit(c, math.MaxInt64), test.goLimit)
		})
	}
	limited := cgroup{limit: 1 << 30}
	if r := judgeGoLimit(limited, 2<<30); r.Verdict != Costs || !strings.Contains(r.Value, "more than") {
		t.Errorf("a limit beyond the cgroup's: %+v", r)
	}
	if r := judgeGoLimit(limited, 1<<29); r.Verdict != OK || !strings.Contains(r.Value, "512 MiB") {
		t.Errorf("a limit below the cgroup's: %+v", r)
	}
}

// TestVirtual: a virtual machine whose host takes free memory back costs something, others do not.
func TestVirtual(t *testing.T) {
	const (
		flags   = "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n"
		balloon = "/sys/bus/virtio/devices/virtio0/"
	)
	for name, test := range map[string]struct {
		files   map[string]string
		verdict Verdict
		says    string
	}{
		"hardware":             {map[string]string{"/proc/cpuinfo": "flags : fpu hypervisors\n", "/sys/class/dmi/id/sys_vendor": "Dell Inc."}, OK, "no"},
		"nothing known":        {nil, OK, "no"},
		"a guest":              {map[string]string{"/proc/cpuinfo": flags}, OK, "yes, without free page reporting"},
		"a guest of a cloud":   {map[string]string{"/sys/class/dmi/id/sys_vendor": "Amazon EC2"}, OK, "yes, Amazon EC2, without"},
		"an arm guest of Xen":  {map[string]string{"/sys/hypervisor/type": "xen"}, OK, "yes, xen"},
		"a balloon":            {map[string]string{balloon + "device": "0x0005", balloon + "features": "01100000001"}, OK, "yes, without free page reporting"},
		"another device":       {map[string]string{"/proc/cpuinfo": flags, balloon + "device": "0x0002", balloon + "features": "000001"}, OK, "without"},
		"a balloon, reporting": {map[string]string{balloon + "device": "0x0005", balloon + "features": "01100100001"}, Costs, "blocks of 2.0 MiB"},
		"a balloon, reporting small blocks": {map[string]string{
			balloon + "device": "0x0002", "/sys/bus/virtio/devices/virtio1/device": "0x0005", "/sys/bus/virtio/devices/virtio1/features": "000001",
			"/sys/module/page_reporting/parameters/page_reporting_order": "0", "/sys/class/dmi/id/sys_vendor": "QEMU",
		}, Costs, "yes, QEMU, with free page reporting in blocks of " + size(uint64(os.Getpagesize()))},
	} {
		if os.Getpagesize() != 4096 && strings.Contains(test.says, "2.0 MiB") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := judgeVirtual(root(t, test.files))
			if r.Verdict != test.verdict || !strings.Contains(r.Value, test.says) || (r.Cost == "") != (r.Verdict == OK) {
				t.Errorf("%+v, want %s and %q", r, test.verdict, test.says)
			}
		})
	}
}

// TestPrices: prices are told per page, per extent and per GiB, and those that are too high cost
// something.
func TestPrices(t *testing.T) {
	const us, ms = time.Microsecond, time.Millisecond
	for name, test := range map[string]struct {
		row     Row
		verdict Verdict
		says    []string
	}{
		"cheap small pages": {judgeSmall(512*us, 4096), OK, []string{"1µs", "2 MiB of them 512µs"}},
		"dear small pages":  {judgeSmall(20*ms, 4096), Costs, []string{"39.1µs", "a GiB for the first time takes 10.24s"}},
		"large small pages": {judgeSmall(ms, 65536), Costs, []string{"31.3µs"}},
		"unknown":           {judgeSmall(0, 4096), OK, []string{"not known"}},
		"a huge page":       {judgePrices(200*us, ms), OK, []string{"200µs, small pages instead 1ms; a GiB that a cursor fills 102.4ms"}},
		"a dear huge page":  {judgePrices(10*ms, ms), Costs, []string{"a GiB that a cursor fills 512ms", "nothing to do"}},
		"no huge page":      {judgePrices(0, ms), OK, []string{"not known"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range test.says {
				if r := test.row; r.Verdict != test.verdict || !strings.Contains(r.Value+r.Cost+r.Change, s) {
					t.Errorf("%+v, want %s and %q", r, test.verdict, s)
				}
			}
		})
	}
}

// TestMeasureMove: what is measured is a move, and what was there is there behind it.
func TestMeasureMove(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("arenas need Linux")
	}
	for _, rung := range []arena.Rungs{arena.RungRehome, arena.RungAlias} {
		took, touch, err := measureMove(rung)
		if err != nil && rung == arena.RungRehome {
			t.Logf("page tables are not moved here: %v", err)
			continue
		}
		if err != nil || took <= 0 || touch < 0 {
			t.Errorf("%v: %v, then %v a page, %v", rung, took, touch, err)
		}
		if r := judgeMove(rung); r.Verdict != OK || !strings.Contains(r.Value, "for 4.0 MiB of small pages") {
			t.Errorf("%+v", r)
		}
	}
}
