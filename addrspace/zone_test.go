//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestZones checks that no zone reaches into what the table in zone.go says it
// keeps away from.
func TestZones(t *testing.T) {
	type span struct {
		what       string
		start, end uint64
	}
	race := []span{
		{"Go heap", 0, 0x4000 << 32},
		{"race detector's shadow", 0x2000 << 32, 0x4000 << 32},
		{"race detector's heap", 0xc0 << 32, 0xe0 << 32},
	}
	tests := []struct {
		arch  string
		bits  int
		least uint64 // bytes in all zones
		away  []span
	}{
		{"amd64", 47, 40 << 40, append([]span{
			{"executables", 0x5500 << 32, 0x5700 << 32}, {"mmap's own", 0x7c00 << 32, 1 << 63},
		}, race...)},
		{"amd64", 57, 40 << 40, append([]span{
			{"executables", 0x5500 << 32, 0x5700 << 32}, {"mmap's own", 0x7c00 << 32, 0x8000 << 32}, {"the top", 1 << 55, 1 << 63},
		}, race...)},
		{"arm64", 48, 40 << 40, append([]span{
			{"executables", 0xaaaa << 32, 0xcaaa << 32}, {"mmap's own", 0xe000 << 32, 1 << 63},
		}, race...)},
		{"arm64", 52, 40 << 40, append([]span{
			{"executables", 0xaaaa << 32, 0xcaaa << 32}, {"mmap's own", 0xe000 << 32, 0x10000 << 32}, {"the top", 1 << 51, 1 << 63},
		}, race...)},
		{"arm64", 42, 500 << 30, []span{{"executables", 2 << 42 / 3, 1 << 42 * 7 / 8}, {"the top", 1 << 42 * 7 / 8, 1 << 63}}},
		{"arm64", 39, 64 << 30, []span{{"executables", 2 << 39 / 3, 1 << 39 * 7 / 8}, {"the top", 1 << 39 * 7 / 8, 1 << 63}}},
		{"riscv64", 38, 32 << 30, []span{{"executables", 2 << 38 / 3, 1 << 38 * 7 / 8}, {"the top", 1 << 38 * 7 / 8, 1 << 63}}},
		{"s390x", 53, 40 << 40, race},
		{"riscv64", 56, 40 << 40, append([]span{{"the top", 1 << 54, 1 << 63}}, race...)},
		{"ppc64le", 52, 40 << 40, append([]span{{"the top", 1 << 50, 1 << 63}}, race...)},
		{"ppc64le", 49, 40 << 40, append([]span{{"the top", 1<<48 + 1<<47, 1 << 63}}, race...)},
		{"ppc64le", 47, 40 << 40, race},
	}
	for _, tt := range tests {
		zones := zonesFor(tt.arch, tt.bits)
		if n := sum(zones); n < tt.least {
			t.Errorf("%s/%d: %d bytes of zones", tt.arch, tt.bits, n)
		}
		for i, z := range zones {
			if i > 0 && z.tier < zones[i-1].tier {
				t.Errorf("%s/%d: %v is better than the one before", tt.arch, tt.bits, z)
			}
			for _, y := range zones[:i] {
				if y.Overlaps(z.Range) {
					t.Errorf("%s/%d: %v and %v overlap", tt.arch, tt.bits, y, z)
				}
			}
			for _, a := range tt.away {
				if uint64(z.Start) < a.end && a.start < uint64(z.End) {
					t.Errorf("%s/%d: %v reaches into %s", tt.arch, tt.bits, z, a.what)
				}
			}
		}
	}
}

// TestZones_Small: of small spaces zones are fractions, and of very large ones what is above 2^48 comes first.
func TestZones_Small(t *testing.T) {
	for bits := 34; bits < 47; bits++ {
		unit := uintptr(1) << (bits - 5) // a 32nd
		if got, want := zonesFor("arm64", bits), []zone{{Range{8 * unit, 15 * unit}, 0}, {Range{2 * unit, 8 * unit}, 1}}; !slices.Equal(got, want) {
			t.Errorf("%d bits: %v, want %v", bits, got, want)
		}
	}
	if got := zonesFor("arm64", 33); got != nil {
		t.Errorf("33 bits: %v", got)
	}
	for _, tt := range []struct {
		arch       string
		bits, low  int
		start, end uint64
	}{
		{"amd64", 57, 47, 1 << 53, 1 << 55}, {"riscv64", 56, 47, 1 << 52, 1 << 54}, {"s390x", 53, 47, 1 << 49, 1 << 51},
		{"arm64", 52, 48, 1 << 48, 1 << 50}, {"ppc64le", 51, 47, 1 << 48, 1<<48 + 1<<49}, {"ppc64le", 49, 47, 1 << 48, 1<<48 + 1<<47},
	} {
		want := []zone{{Range{uintptr(tt.start), uintptr(tt.end)}, 0}}
		for _, z := range zonesFor(tt.arch, tt.low) {
			want = append(want, zone{z.Range, z.tier + 1})
		}
		if got := zonesFor(tt.arch, tt.bits); !slices.Equal(got, want) {
			t.Errorf("%s/%d: %v, want %v", tt.arch, tt.bits, got, want)
		}
	}
}

// TestZones_Cut: what is left of a zone is in units of a GiB where it was cut, and nowhere empty.
func TestZones_Cut(t *testing.T) {
	const g = uintptr(alignmentBig)
	z := zone{Range{10*g + 1, 20 * g}, 3}
	for _, tt := range []struct {
		r    Range
		want []Range
	}{
		{Range{20 * g, 21 * g}, []Range{z.Range}},
		{Range{15*g + 1, 16*g + 1}, []Range{{10*g + 1, 15 * g}, {17 * g, 20 * g}}},
		{Range{15 * g, 16 * g}, []Range{{10*g + 1, 15 * g}, {16 * g, 20 * g}}},
		{Range{15*g - 1, 16*g - 1}, []Range{{10*g + 1, 14 * g}, {16 * g, 20 * g}}},
		{Range{9 * g, 16 * g}, []Range{{16 * g, 20 * g}}},
		{Range{16 * g, 30 * g}, []Range{{10*g + 1, 16 * g}}},
		{Range{16 * g, 20 * g}, []Range{{10*g + 1, 16 * g}}},
		{Range{10*g + 1, 16 * g}, []Range{{16 * g, 20 * g}}},
		{Range{9 * g, 20 * g}, nil},
	} {
		var want []zone
		for _, r := range tt.want {
			want = append(want, zone{r, 3})
		}
		if got := awayFromHeap([]zone{z}, []Range{tt.r}); !slices.Equal(got, want) {
			t.Errorf("without %v: %v, want %v", tt.r, got, want)
		}
	}
	for heap, want := range map[uint64]int{1<<heapBitsOnAMD64 - 1: 2, 1 << heapBitsOnAMD64: 1} {
		if got := heapReaches("amd64", 47, heap); len(got) != want {
			t.Errorf("a heap at %#x reaches %v", heap, got)
		}
	}
}

// TestZones_AwayFromHeap: wherever the Go runtime has put its heap, no zone reaches into what it
// may come to take, by any of its next hints, and enough is left.
func TestZones_AwayFromHeap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		arch  string
		bits  int
		least uint64
	}{
		{"amd64", 47, 24 << 40}, {"amd64", 57, 1 << 53}, {"arm64", 48, 39 << 40}, {"arm64", 52, 1 << 48},
		{"arm64", 47, 8 << 40}, {"arm64", 42, 500 << 30}, {"arm64", 39, 60 << 30}, {"arm64", 36, 7 << 30},
		{"riscv64", 56, 1 << 52}, {"riscv64", 47, 8 << 40}, {"riscv64", 38, 30 << 30},
		{"s390x", 53, 1 << 49}, {"ppc64le", 52, 1 << 48}, {"ppc64le", 49, 1 << 47}, {"ppc64le", 47, 8 << 40}, {"ppc64le", 46, 4 << 40},
		{"loong64", 47, 8 << 40}, {"mips64le", 40, 120 << 30},
	} {
		for range 1000 {
			hintBits := heapBits
			if tt.arch == "amd64" {
				hintBits = heapBitsOnAMD64
			}
			heap := rng.Uint64N(1 << min(tt.bits, hintBits))
			zones := zonesOf(tt.arch, tt.bits, heap, false)
			if n := uint64(sum(zones)); n < tt.least {
				t.Fatalf("%s/%d: heap at %#x: %d bytes of zones", tt.arch, tt.bits, heap, n)
			}
			// What mallocinit makes of a random base: hint i is so many 256ths further on, and
			// of what falls outside of the space nothing comes. Each may be grown by 256 GiB,
			// in small spaces by what is an eighth of them.
			part := uint64(1) << (hintBits - 8)
			grows := min(uint64(256<<30), 1<<(tt.bits-3))
			hints := 24
			if tt.bits < heapBits {
				hints = 1
			}
			for _, first := range []int{0, userArenaHint} {
				for i := first; i < first+hints; i++ {
					at := (heap + uint64(i)*part) % (1 << hintBits)
					for _, z := range zones {
						if uint64(z.Start) < at+grows && at < uint64(z.End) && at < 1<<tt.bits {
							t.Fatalf("%s/%d: heap at %#x: %v reaches into hint %d at %#x", tt.arch, tt.bits, heap, z, i, at)
						}
					}
				}
				if tt.bits < heapBits { // There are no user arenas but where the kernel wants them.
					break
				}
			}
			if tt.bits > 48 && heap%(1<<20) != 0 && uint64(zones[0].Start) < 1<<48 {
				t.Fatalf("%s/%d: the best zone %v is in the Go heap's reach", tt.arch, tt.bits, zones[0])
			}
		}
	}
}

// TestZones_HeapNotRandom: where the base is not drawn (GOEXPERIMENT=norandomizedheapbase64) hints
// are 2^40 apart, and those of user arenas begin in a zone.
func TestZones_HeapNotRandom(t *testing.T) {
	for _, tt := range []struct {
		arch string
		bits int
		heap uint64
	}{{"amd64", 47, 0xc0 << 32}, {"amd64", 57, 0xc0 << 32}, {"arm64", 48, 0x40 << 32}, {"arm64", 47, 0x40 << 32}, {"riscv64", 47, 0xc0 << 32}} {
		zones := zonesOf(tt.arch, tt.bits, tt.heap+5<<30, false)
		for _, first := range []int{0, userArenaHint} {
			for i := first; i < first+8; i++ {
				hint := rangeAround(tt.heap+uint64(i)<<40, 0, 256<<30)
				for _, z := range zones {
					if z.Overlaps(hint) {
						t.Errorf("%s/%d: %v reaches into hint %d, %v", tt.arch, tt.bits, z, i, hint)
					}
				}
			}
		}
		if n := sum(zones); n < 16<<40 {
			t.Errorf("%s/%d: %d bytes of zones", tt.arch, tt.bits, n)
		}
	}
}

// TestZones_AwayFromRace: no zone of a build with -race reaches into what the race detector maps
// over whatever lies there, which is, for its heap, as tsan_platform.h has it (MappingGo*).
func TestZones_AwayFromRace(t *testing.T) {
	for _, tt := range []struct {
		arch    string
		bits    int
		heap    uint64
		shadows []Range
		least   uint64
	}{
		{"amd64", 47, 0xc0 << 32, []Range{rangeAround(0x2000<<32, 0, 0x2000<<32)}, 24 << 40},
		{"arm64", 48, 0xc0 << 32, []Range{rangeAround(0x2000<<32, 0, 0x1200<<32)}, 39 << 40},
		{"ppc64le", 47, 0xc0 << 32, []Range{rangeAround(0x2000<<32, 0, 0x1200<<32)}, 24 << 40},
		{"ppc64le", 46, 0xc0 << 32, []Range{rangeAround(0x2000<<32, 0, 0x470<<32)}, 8 << 40},
		{"loong64", 47, 0xc0 << 32, []Range{rangeAround(0x2000<<32, 0, 0x1200<<32)}, 24 << 40},
		{"riscv64", 47, 0xc0 << 32, []Range{rangeAround(0x2000<<32, 0, 0x2000<<32)}, 24 << 40},
		{"riscv64", 38, 0x13 << 28, []Range{rangeAround(0x10<<32, 0, 0x30<<32)}, 20 << 30},
		{"s390x", 53, 0xc0 << 32, []Range{rangeAround(0x4000<<32, 0, 0x2000<<32), rangeAround(0x9000<<32, 0, 0x800<<32)}, 1 << 49},
	} {
		zones := zonesOf(tt.arch, tt.bits, tt.heap, true)
		for _, z := range zones {
			for _, s := range tt.shadows {
				if z.Overlaps(s) {
					t.Errorf("%s/%d: %v reaches into %v", tt.arch, tt.bits, z, s)
				}
			}
		}
		if n := sum(zones); n < tt.least {
			t.Errorf("%s/%d: %d bytes of zones", tt.arch, tt.bits, n)
		}
	}
}

// TestZones_HeapOfThisProcess: what is allocated here lies in no zone of this process.
func TestZones_HeapOfThisProcess(t *testing.T) {
	if len(zonesFor(runtime.GOARCH, bitsHere(runtime.GOARCH)[0])) == 0 || runtime.GOOS != "linux" {
		t.Skip("no zones here")
	}
	var s Space
	s.page = uintptr(os.Getpagesize())
	s.mu.Lock()
	zones := s.zones()
	s.mu.Unlock()
	for range 100 {
		for _, z := range zones {
			if at := heapAddress(); z.Contains(at) {
				t.Errorf("%#x lies in %v", at, z)
			}
		}
	}
}

// TestZones_RuntimeSource: the Go runtime chooses its addresses as zone.go says. Where this
// fails a new Go version does it in another way: work out the zones anew.
func TestZones_RuntimeSource(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("no go command here: %v", err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "runtime", "malloc.go")
	source, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no Go source here: %v", err)
	}
	text := regexp.MustCompile(`\s+`).ReplaceAllString(string(source), " ")
	for _, want := range []string{
		// Addresses of 48 bits, of which one is kept free and on amd64 another.
		"heapAddrBits = (_64bit*(1-goarch.IsWasm)*(1-goos.IsIos*goarch.IsArm64))*48 +",
		"randHeapAddrBits := heapAddrBits - 1 - (goarch.IsAmd64 * 1)",
		// The base is random, the hints go round in steps of a 256th of 2^48, from the lowest number.
		"for i := 0x7f; i >= 0; i-- {",
		"prefix := uintptr(randHeapBasePrefix+byte(i)) << (randHeapAddrBits - 8)",
		"p = prefix | (randHeapBase & randHeapBasePrefixMask)",
		"hint.next, *hintList = *hintList, hint",
		// A hint grows upwards, and is left only where the kernel gives something else.
		"if !hint.down { p += n } hint.addr = p",
		"// Failed. Discard this hint and try the next.",
		// The kernel's choice goes both ways.
		"hint.addr, hint.down = uintptr(v), true",
		// Nothing of 2^48 and beyond.
		"} else if arenaIndex(p+n-1) >= 1<<arenaBits {",
		// The race detector's heap, and where Go does not choose at random.
		"if p >= uintptrMask&0x00e000000000 {",
		"p = uintptr(i)<<40 | uintptrMask&(0x00c0<<32)",
		"p = uintptr(i)<<40 | uintptrMask&(0x0040<<32)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s (%s) has no %q", path, runtime.Version(), want)
		}
	}
	user := regexp.MustCompile(`if \(!raceenabled && i > 0x([0-9a-f]+)\)`).FindStringSubmatch(text)
	if user == nil {
		t.Fatal("no hints for user arenas")
	}
	if n, err := strconv.ParseInt(user[1], 16, 0); err != nil || n+1 != userArenaHint {
		t.Errorf("hints for user arenas begin behind %s", user[1])
	}
}
