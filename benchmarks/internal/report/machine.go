package report

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine says where and how a run took place.
type Machine struct {
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	Memory   int64             `json:"memory_bytes"`
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	Date     string            `json:"date"`
	Command  string            `json:"command"`
	Seconds  float64           `json:"seconds"`
	Settings map[string]string `json:"settings"`
}

// ThisMachine describes this machine and the command with these arguments.
func ThisMachine(args []string) Machine {
	m := Machine{
		CPU:      firstField("/proc/cpuinfo", "model name"),
		Cores:    runtime.NumCPU(),
		Kernel:   runtime.GOOS + " " + read("/proc/sys/kernel/osrelease") + " " + runtime.GOARCH,
		Go:       runtime.Version(),
		Date:     time.Now().UTC().Format("2006-01-02"),
		Command:  strings.TrimSpace("go -C benchmarks run . " + quote(args)),
		Settings: map[string]string{},
	}
	if kib, err := strconv.ParseInt(strings.TrimSuffix(firstField("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.Memory = kib << 10
	}
	for _, path := range []string{
		"/sys/kernel/mm/transparent_hugepage/enabled",
		"/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		"/proc/sys/vm/max_map_count",
		"/proc/sys/vm/overcommit_memory",
	} {
		if s := read(path); s != "" {
			m.Settings[setting(path)] = chosen(s)
		}
	}
	return m
}

// setting shortens the path of a setting to what tells it from others.
func setting(path string) string {
	if strings.HasPrefix(path, "/sys/") {
		return filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
	}
	return "vm." + filepath.Base(path)
}

// chosen returns the word in brackets, where a file lists the possible ones.
func chosen(s string) string {
	if _, after, ok := strings.Cut(s, "["); ok {
		s, _, _ = strings.Cut(after, "]")
	}
	return s
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// firstField returns the value of the first line "key: value".
func firstField(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// quote returns the arguments as a shell reads them back.
func quote(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsAny(a, " '\"$|&;<>()*?[]#~`\\") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}
