//go:build !portable

package sys

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMaps compares what Maps and CountMaps read with the file itself.
func TestMaps(t *testing.T) {
	var got []VMA
	if err := Maps(func(v VMA) bool { got = append(got, v); return true }); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(mapsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, v := range got {
		if v.Path == "" || strings.HasPrefix(v.Path, "[anon") {
			continue // The Go heap may change.
		}
		if !strings.Contains(text, " "+v.Path+"\n") || v.Start >= v.End || len(v.Perms) != 4 {
			t.Errorf("%+v is not in the file", v)
		}
	}
	n, err := CountMaps()
	if err != nil || n < len(got)-5 || n > len(got)+5 {
		t.Errorf("CountMaps returned %d, %v; Maps found %d", n, err, len(got))
	}
	n = 0
	if err := Maps(func(VMA) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("stopped after %d, %v", n, err)
	}
}

func TestMaps_Parse(t *testing.T) {
	for line, want := range map[string]VMA{
		"400000-401000 r-xp 00000000 08:01 99                  /bin/a b": {0x400000, 0x401000, "r-xp", 0, "/bin/a b", FileID{unix.Mkdev(8, 1), 99}},
		"4a000000-4a200000 ---p 00000000 00:00 0 ":                       {0x4a000000, 0x4a200000, "---p", 0, "", FileID{}},
		"7000-8000 rw-s 12000 00:01 5 /memfd:x (deleted)":                {0x7000, 0x8000, "rw-s", 0x12000, "/memfd:x (deleted)", FileID{1, 5}},
		"7ffc-8000 rw-p 00000000 00:00 0                        [stack]": {0x7ffc, 0x8000, "rw-p", 0, "[stack]", FileID{}},
	} {
		if got, ok := new(mapsParser).parse([]byte(line)); !ok || got != want {
			t.Errorf("%q: %+v, %v, want %+v", line, got, ok, want)
		}
	}
	for _, line := range []string{"", "x", "12", "12-", "12-13", "12-13 r--p", "12-13 r--p x", "-13 r--p 0 0 0", "12 13 r--p 0 00:00 0", "12-13 r--p 0"} {
		if v, ok := new(mapsParser).parse([]byte(line)); ok {
			t.Errorf("%q: %+v", line, v)
		}
	}
}

func TestCountMaps_Allocates(t *testing.T) {
	// Some for the name, more under the race detector; none for a line.
	if n := testing.AllocsPerRun(10, func() { _, _ = CountMaps() }); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMaps(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = Maps(func(VMA) bool { return true })
	}
}
