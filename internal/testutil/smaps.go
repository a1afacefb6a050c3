package testutil

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// VMFlags returns the flags of the mapping that addr lies in, as /proc/self/smaps shows them: dd
// for MADV_DONTDUMP, dc for MADV_DONTFORK and so on.
func VMFlags(t testing.TB, addr uintptr) []string {
	t.Helper()
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, inside := bufio.NewScanner(file), false
	for lines.Scan() {
		line := lines.Text()
		var start, end uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &start, &end); n == 2 {
			inside = start <= addr && addr < end
		} else if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	t.Errorf("no mapping at %#x", addr)
	return nil
}
