package doctor

import (
	"fmt"
	"os"
	"strings"
)

// insideRows says what the program runs in.
func insideRows(f files) []Row {
	return []Row{judgeContainer(f), judgeVirtual(f)}
}

// judgeContainer says which container this is. It costs nothing by itself: what it limits has rows
// of its own.
func judgeContainer(f files) Row {
	what, from := containerOf(f)
	if what == "" {
		return ok("container", "none that can be seen")
	}
	return ok("container", fmt.Sprintf("%s (%s): see cgroup memory limit, and processors", what, from))
}

// runtimes are texts in names of control groups and layers, and which container they are of.
var runtimes = []struct{ text, name string }{
	{"kubepods", "Kubernetes"}, {"docker", "Docker"}, {"libpod", "Podman"}, {"containers/storage", "Podman"}, {"containerd", "containerd"},
	{"crio", "CRI-O"}, {"lxc", "LXC"}, {"/ecs/", "ECS"}, {"machine.slice", "systemd-nspawn"},
}

// containerOf returns what container this is, and where that stands; "" if none is known.
func containerOf(f files) (what, from string) {
	if s := f("/run/systemd/container"); s != "" {
		return s, "/run/systemd/container"
	}
	for v := range strings.SplitSeq(f("/proc/1/environ"), "\x00") {
		if s, ok := strings.CutPrefix(v, "container="); ok && s != "" {
			return s, "container= of process 1"
		}
	}
	for line := range strings.Lines(f("/proc/self/cgroup")) {
		for _, r := range runtimes {
			if strings.Contains(line, r.text) {
				return r.name, "/proc/self/cgroup"
			}
		}
	}
	for line := range strings.Lines(f("/proc/self/mountinfo")) {
		mount, fs, _ := strings.Cut(line, " - ")
		if m := strings.Fields(mount); len(m) < 5 || m[4] != "/" || !strings.HasPrefix(fs, "overlay ") {
			continue
		}
		for _, r := range runtimes {
			if strings.Contains(fs, r.text) {
				return r.name, "the layers of /"
			}
		}
		return "of layers", "/ is an overlay"
	}
	return "", ""
}

// devicesMax bounds how many virtio devices are looked at.
const devicesMax = 64

// Of a virtio balloon: its number, and that of the feature by which the guest tells the host which
// memory is free (VIRTIO_BALLOON_F_REPORTING).
const (
	virtioBalloon  = "0x0005"
	pagesReporting = 5
)

// balloonOf reports whether there is a balloon, and whether it reports free pages.
func balloonOf(f files) (there, reports bool) {
	for i := range devicesMax {
		dir := fmt.Sprintf("/sys/bus/virtio/devices/virtio%d/", i)
		if f(dir+"device") != virtioBalloon {
			continue
		}
		there = true
		if bits := f(dir + "features"); len(bits) > pagesReporting && bits[pagesReporting] == '1' {
			reports = true
		}
	}
	return there, reports
}

// judgeVirtual judges whether this is a virtual machine, and whether its host takes free
// memory back.
func judgeVirtual(f files) Row {
	const name = "virtual machine"
	vendor := f("/sys/class/dmi/id/sys_vendor")
	if vendor == "" {
		vendor = f("/sys/hypervisor/type")
	}
	guest := hasFlag(f("/proc/cpuinfo"), "hypervisor")
	for _, v := range []string{"QEMU", "Amazon", "Google", "VMware", "Xen", "xen", "innotek", "KVM", "Firecracker"} {
		guest = guest || strings.Contains(vendor, v)
	}
	there, reports := balloonOf(f)
	if !guest && !there {
		return ok(name, "no")
	}
	value := "yes"
	if vendor != "" {
		value += ", " + vendor
	}
	if !reports {
		return ok(name, value+", without free page reporting")
	}
	block := uint64(os.Getpagesize()) << 9
	if order, ok := f.number("/sys/module/page_reporting/parameters/page_reporting_order"); ok && order < 20 {
		block = uint64(os.Getpagesize()) << order
	}
	return costs(name, fmt.Sprintf("%s, with free page reporting in blocks of %s", value, size(block)),
		"the host takes back what has been free for some seconds, and has to find it again at the next touch: the prices below may be ten times as high a moment later. Memory that is kept stays cheap",
		"at the host: a balloon without free-page-reporting; else keep memory instead of freeing it (pool.Options.Keep, Arena.Reset)")
}

// hasFlag reports whether the flags of a processor have one.
func hasFlag(cpuinfo, flag string) bool {
	for line := range strings.Lines(cpuinfo) {
		name, flags, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "flags" {
			return strings.Contains(" "+strings.TrimSpace(flags)+" ", " "+flag+" ")
		}
	}
	return false
}
