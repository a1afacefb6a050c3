package addrspace

import (
	"math/bits"
	"runtime"
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
//	0x0000…–0x3fff… the Go heap, at random below 2^46 since Go 1.26; the heap of
//	                race builds at 0xc0…–0xe0… (×2^32); the race detector's
//	                shadow, mapped over whatever lies in 0x2000…–0x4000…
//	0x5500…–0x56ff… position-independent executables, at 2/3 of the space plus
//	                2^40 of randomness, and the brk heap behind them
//	0x7c00…–0x7fff… what the kernel places by itself, from the top down; stack, vdso
//
// Tier 0 is also legal for MSan. All numbers in the table are ×2^32.
func zonesFor(arch string, addressBits int) []zone {
	if bits.UintSize < 64 {
		return nil
	}
	var zones []zone
	add := func(tier int, start, end uint64) {
		zones = append(zones, zone{Range{uintptr(start), uintptr(end)}, tier})
	}
	if addressBits > 48 {
		// Above 2^48 there is nothing but what asks for it by a hint. A quarter of
		// the space, off its top: a CPU may have one bit less for user addresses
		// than its page tables suggest (57 means 2^56 on x86-64).
		add(0, 1<<(addressBits-4), 1<<(addressBits-2))
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
		// up to 2^45 below the top. Below 2^47 old Go runtimes keep heap hints.
		add(0, 0x8000<<32, 0xa800<<32)
		add(1, 0xcc00<<32, 0xdc00<<32)
		add(2, 0x4000<<32, 0x8000<<32)
	case addressBits >= 47:
		add(0, 0x5700<<32, 0x6000<<32)
		add(0, 0x5100<<32, 0x5500<<32)
		add(1, 0x4000<<32, 0x5100<<32)
		add(1, 0x6000<<32, 0x7c00<<32)
	case addressBits >= 34:
		// Small spaces (38, 39, 40, 42 bits): the same landmarks, as fractions.
		eighth := uint64(1) << (addressBits - 3)
		add(0, 2*eighth, 4*eighth-eighth/4)
	}
	return zones
}

// bitsHere returns the numbers of address bits this kind of machine can have,
// most likely first. Which one it is shows when the zones are tried.
func bitsHere() []int {
	switch runtime.GOARCH {
	case "arm64":
		return []int{48, 47, 42, 39, 36}
	case "riscv64":
		return []int{47, 38}
	}
	return []int{47, 42, 40, 39}
}

// sum returns the number of addresses in the zones, which do not overlap.
func sum(zones []zone) (n uint64) {
	for _, z := range zones {
		n += uint64(z.Len())
	}
	return n
}
