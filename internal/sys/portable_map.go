//go:build !linux || portable

package sys

import "slices"

// Reserve makes a range of ours that faults when touched. The system chooses the place:
// addr has to be 0.
func Reserve(addr, n uintptr) (uintptr, error) {
	if e := injected(CallMmap); e != 0 {
		return 0, result(CallMmap, e)
	}
	if addr != 0 || !canMap {
		return 0, unsupported(CallMmap)
	}
	got, e := reserve(n)
	return got, result(CallMmap, e)
}

// Cover maps inaccessible memory over [addr, addr+n).
func Cover(addr, n uintptr) error {
	if e := injected(CallMmap); e != 0 {
		return result(CallMmap, e)
	}
	files.Lock()
	defer files.Unlock()
	if e := mapAnonymous(addr, n, ProtNone); e != 0 {
		return result(CallMmap, e)
	}
	forget(addr, n)
	return nil
}

// MapShared maps [off, off+n) of fd over [addr, addr+n). Nothing of that may be mapped, or
// have been.
func MapShared(addr, n uintptr, fd int, off int64, prot int) error {
	return MapSharedWith(addr, n, fd, off, prot, 0)
}

// MapSharedWith is MapShared: there are no flags.
func MapSharedWith(addr, n uintptr, fd int, off int64, prot, flags int) error {
	return with(CallMmap, fd, func(m *memory) error {
		end := off + int64(n)
		taken := func(p part) bool {
			_, ok := p.clip(off, end)
			return ok
		}
		if flags != 0 || slices.ContainsFunc(m.parts, taken) || slices.ContainsFunc(m.gone, taken) {
			return unsupported(CallMmap)
		}
		if e := mapAnonymous(addr, n, prot); e != 0 {
			return result(CallMmap, e)
		}
		forget(addr, n)
		if len(m.parts) == 0 {
			files.live = append(files.live, m)
		}
		if last := len(m.parts) - 1; last >= 0 && m.parts[last].end == off && m.parts[last].addr+uintptr(off-m.parts[last].off) == addr {
			m.parts[last].end = end
			return nil
		}
		m.parts = append(m.parts, part{off, end, addr})
		return nil
	})
}

// MapFlagsFit reports whether there are no flags.
func MapFlagsFit(flags int) bool { return flags == 0 }

// AdviceFits allows any: there is none that is given to the system.
func AdviceFits(advice int) bool { return true }

// Unmap gives [addr, addr+n) back.
func Unmap(addr, n uintptr) error {
	if e := injected(CallMunmap); e != 0 {
		return result(CallMunmap, e)
	}
	files.Lock()
	defer files.Unlock()
	if e := unmap(addr, n); e != 0 {
		return result(CallMunmap, e)
	}
	forget(addr, n)
	return nil
}

// forget notes that what was mapped in [addr, addr+n) is not any more.
//
// Preconditions: files is locked.
func forget(addr, n uintptr) {
	for _, m := range files.live {
		var left []part
		for _, p := range m.parts {
			lo, hi := max(addr, p.addr), min(addr+n, p.addr+uintptr(p.end-p.off))
			if lo >= hi {
				left = append(left, p)
				continue
			}
			from, to := p.off+int64(lo-p.addr), p.off+int64(hi-p.addr)
			if lost, ok := (part{from, to, lo}).clip(0, m.size); ok {
				m.gone = append(m.gone, lost)
			}
			left = append(left, without([]part{p}, from, to)...)
		}
		m.parts = left
	}
	files.live = slices.DeleteFunc(files.live, func(m *memory) bool { return len(m.parts) == 0 })
}

// Protect sets the protection of [addr, addr+n).
func Protect(addr, n uintptr, prot int) error {
	if e := injected(CallMprotect); e != 0 {
		return result(CallMprotect, e)
	}
	return result(CallMprotect, protect(addr, n, prot))
}

// Advise does what must be done and leaves out what is a matter of speed.
func Advise(addr, n uintptr, advice int) error {
	if e := injected(CallMadvise); e != 0 {
		return result(CallMadvise, e)
	}
	switch advice {
	case AdviseDontNeed, AdviseDontDump, AdviseDoDump, AdviseHugePage, AdviseNoHugePage:
		return nil // A file keeps its bytes, and so does this.
	case AdviseRemove:
		files.Lock()
		defer files.Unlock()
		for _, m := range files.live {
			for _, p := range m.parts {
				if addr >= p.addr && addr+n <= p.addr+uintptr(p.end-p.off) {
					off := p.off + int64(addr-p.addr)
					return m.punch(off, off+int64(n))
				}
			}
		}
	}
	return unsupported(CallMadvise)
}

// IsMapped reports that nobody knows.
func IsMapped(addr, n uintptr) error { return unsupported(CallMsync) }
