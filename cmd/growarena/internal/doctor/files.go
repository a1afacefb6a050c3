package doctor

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// files reads a file of /proc or /sys. What cannot be read is empty.
type files func(path string) string

// disk reads the files of this machine.
func disk(path string) string { return below("")(path) }

// below reads those below a folder, which stands for the root.
func below(root string) files {
	return func(path string) string { return read(root + path) }
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

// number returns the number that is all of a file.
func (f files) number(path string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(f(path)), 10, 64)
	return n, err == nil
}

// meminfo returns a field of /proc/meminfo in bytes.
func (f files) meminfo(field string) (uint64, bool) {
	for line := range strings.Lines(f("/proc/meminfo")) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}

func size(n uint64) string { return humanize.IBytes(n) }

func count(n uint64) string { return humanize.Comma(int64(min(n, 1<<62))) }
