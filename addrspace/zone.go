package addrspace

import (
	"math/bits"

	"github.com/growarena/growarena/internal/align"
)

// zone is a part of the address space where windows may lie.
type zone struct {
	Range
	tier int // 0 is best; higher ones are used when those before are crowded
}

// zonesFor returns the zones for user addresses of the given number of bits,
// best first, and none where addresses have 32 bits.
//
// What they keep away from, on a machine with 2^47 bytes of user addresses:
//
//	0x0000…–0x3fff… on amd64 the Go heap, at random below 2^46 since Go 1.26; the heap
//	                of race builds at 0xc0…–0xe0… (×2^32); the race detector's
//	                shadow, mapped over whatever lies in 0x2000…–0x4000…
//	0x5500…–0x56ff… position-independent executables, at 2/3 of the space plus
//	                2^40 of randomness, and the brk heap behind them
//	0x7c00…–0x7fff… what the kernel places by itself, from the top down; stack, vdso.
//	                With vm.mmap_rnd_bits above 30 it begins at 0x7000… or later, and
//	                executables up to 0x6555…: strangers in a zone, who are learned
//
// Elsewhere the Go heap is at random below 2^47, which can be in a zone: see
// awayFromHeap. Tier 0 of amd64 is also legal for MSan. All numbers in the table are ×2^32.
func zonesFor(arch string, addressBits int) []zone {
	if bits.UintSize < 64 {
		return nil
	}
	var zones []zone
	add := func(tier int, start, end uint64) {
		zones = append(zones, zone{Range{uintptr(start), uintptr(end)}, tier})
	}
	if addressBits > 48 {
		// Above 2^48 there is nothing but what asks for it by a hint, and the Go heap never
		// is. A quarter of the space, off its top: a CPU may have one bit less for user
		// addresses than its page tables suggest (57 means 2^56 on x86-64).
		start, end := uint64(1)<<(addressBits-4), uint64(1)<<(addressBits-2)
		if start < 1<<48 {
			start, end = 1<<48, max(end, 1<<48+1<<(addressBits-2))
		}
		add(0, start, end)
		addressBits = 48
		if arch != "arm64" {
			addressBits = 47
		}
		low := zonesFor(arch, addressBits)
		for i := range low {
			low[i].tier++
		}
		return append(zones, low...)
	}
	switch {
	case addressBits == 48 && arch != "amd64":
		// arm64: executables at 2/3 of 2^48 plus up to 2^45, mmap's own choice from
		// up to 2^45 below the top. Below 2^47 the Go heap can be.
		add(0, 0x8000<<32, 0xa800<<32)
		add(1, 0xcc00<<32, 0xdc00<<32)
	case addressBits >= 47:
		add(0, 0x5700<<32, 0x6000<<32)
		add(0, 0x5100<<32, 0x5500<<32)
		add(1, 0x4000<<32, 0x5100<<32)
		add(1, 0x6000<<32, 0x7c00<<32)
	case addressBits >= 34:
		// Small spaces (38, 39, 40, 42 bits): the same landmarks, as fractions.
		eighth := uint64(1) << (addressBits - 3)
		add(0, 2*eighth, 4*eighth-eighth/4)
		add(1, eighth/2, 2*eighth)
	}
	return zones
}

// bitsHere returns the numbers of address bits this kind of machine can have,
// the largest first where that is needed to be away from the Go heap, else the most likely.
// Which one it is shows when the zones are tried.
func bitsHere(arch string) []int {
	switch arch {
	case "arm64":
		return []int{48, 47, 42, 39, 36}
	case "riscv64":
		return []int{56, 47, 38}
	case "s390x":
		return []int{53, 42}
	case "ppc64", "ppc64le":
		return []int{52, 49, 47, 46}
	}
	return []int{47, 42, 40, 39}
}

// The Go runtime takes heap from where its first hint is upwards, and goes to another
// hint only when something is in the way there (mallocinit and sysAlloc in runtime/malloc.go).
const (
	heapBits        = 47       // hints are below 2^heapBits
	heapBitsOnAMD64 = 46       // and here below that
	heapReach       = 16 << 40 // what of addresses a heap may come to need from its first hint on
	heapBehind      = 1 << 40  // and before, if it has only the kernel's choice, and is of some size already
	userArenaHint   = 0x40     // number of the first hint for arenas of users (GOEXPERIMENT=arenas); a hint is a 256th further on than the one before
)

// heapReaches returns where the Go heap that has an object at heap may come to lie, on a
// machine with so many bits of addresses: behind the object, and behind where user arenas begin.
// Hints go round: behind the highest is the lowest, where no zones are.
func heapReaches(arch string, addressBits int, heap uint64) []Range {
	if addressBits < heapBits {
		return []Range{rangeAround(heap, 1<<(addressBits-4), 1<<(addressBits-3))}
	}
	round := uint64(1) << heapBits
	if arch == "amd64" {
		round = 1 << heapBitsOnAMD64
	}
	if heap >= round { // The kernel's choice: it has no hint.
		return []Range{rangeAround(heap, heapBehind, heapReach)}
	}
	var all []Range
	for _, at := range []uint64{heap, (heap + round/256*userArenaHint) % round} {
		all = append(all, rangeAround(at, heapBehind, heapReach))
	}
	if heap < 1<<40 { // By chance, or the base is not random: then a hint is 2^40 further on than the one before.
		all = append(all, rangeAround(heap+userArenaHint<<40, heapBehind, heapReach))
	}
	return all
}

// raceShadows returns what the race detector keeps for itself and maps over whatever lies there, as
// far as it can be in a zone: the layouts of Go in LLVM's tsan_platform.h.
func raceShadows(arch string, addressBits int) []Range {
	switch {
	case arch == "s390x":
		return []Range{rangeAround(0x4000<<32, 0, 0x2000<<32), rangeAround(0x9000<<32, 0, 0x800<<32)}
	case arch == "riscv64" && addressBits < heapBits:
		return []Range{rangeAround(0x10<<32, 0, 0x30<<32)}
	}
	return nil
}

// zonesOf returns the zones of a process whose Go heap has an object at heap, on a machine with
// so many bits of addresses.
func zonesOf(arch string, addressBits int, heap uint64, race bool) []zone {
	away := heapReaches(arch, addressBits, heap)
	if race {
		away = append(away, raceShadows(arch, addressBits)...)
	}
	return awayFromHeap(zonesFor(arch, addressBits), away)
}

// rangeAround returns the addresses from so many before at to so many behind.
func rangeAround(at, before, behind uint64) Range {
	return Range{uintptr(at - min(at, before)), uintptr(at + behind)}
}

// awayFromHeap returns what is left of zones without the ranges.
func awayFromHeap(zones []zone, ranges []Range) []zone {
	for _, r := range ranges {
		var left []zone
		for _, z := range zones {
			if !z.Overlaps(r) {
				left = append(left, z)
				continue
			}
			// In units of what zones are used in, and what windows are aligned to.
			lower := zone{Range{z.Start, min(z.End, align.Down(r.Start, alignmentBig))}, z.tier}
			upper := zone{Range{max(z.Start, align.Down(r.End+alignmentBig-1, alignmentBig)), z.End}, z.tier}
			for _, part := range []zone{lower, upper} {
				if part.Start < part.End {
					left = append(left, part)
				}
			}
		}
		zones = left
	}
	return zones
}

// sum returns the number of addresses in the zones, which do not overlap.
func sum(zones []zone) (n uint64) {
	for _, z := range zones {
		n += uint64(z.Len())
	}
	return n
}
