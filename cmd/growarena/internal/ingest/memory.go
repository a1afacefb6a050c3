package ingest

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// memoryEvery is after how many bytes the stream asks whether there is memory
// for more: small beside what must stay free, so that it cannot be missed.
const memoryEvery = 64 << 20

// memoryFree returns how much memory must stay available out of so much: for
// what is prepared ahead, and for everybody else on the machine. Without such a
// bound a stream that does not end would make the kernel kill something.
func memoryFree(total uint64) uint64 { return min(total/16, 1<<30) }

// enoughMemory returns an error if there is hardly any memory left, as meminfo,
// the text of /proc/meminfo, says. If it says nothing there is enough.
func enoughMemory(meminfo string) error {
	total, free := memoryField(meminfo, "MemTotal"), memoryField(meminfo, "MemAvailable")
	if total == 0 || free >= memoryFree(total) {
		return nil
	}
	return fmt.Errorf("the stream does not fit into memory: %s of %s are left", humanize.IBytes(free), humanize.IBytes(total))
}

// memoryField returns a field of /proc/meminfo in bytes.
func memoryField(meminfo, name string) uint64 {
	_, rest, _ := strings.Cut("\n"+meminfo, "\n"+name+":")
	field, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " kB")
	n, err := strconv.ParseUint(field, 10, 54) // 54 bits: no overflow below
	if err != nil {
		return 0
	}
	return n << 10
}

// enoughMemoryHere asks this machine.
func enoughMemoryHere() error {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil
	}
	return enoughMemory(string(meminfo))
}
