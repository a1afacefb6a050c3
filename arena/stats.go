package arena

import "github.com/growarena/growarena/internal/census"

// Stats is a snapshot of what an arena holds and has done.
type Stats struct {
	Len, Cap, Limit int // Bytes.

	// Committed is the memory (for a file on disk: the disk) the backing file
	// holds, in bytes: touched, prepared ahead, or kept by Reset.
	Committed int

	Window  int // Length of the current window in bytes of address space.
	Windows int // The current window and the old ones that are still mapped.
	Kept    int // Length of the old ones in bytes of address space.

	Growth Growth

	// PreparedByWriter and PreparedByHelper count the extents of 2 MiB that were
	// made ready before they were touched.
	PreparedByWriter, PreparedByHelper int

	// HeadroomOff says that preparing memory ahead has failed, and is left alone for now. It is
	// tried again some extents further on.
	HeadroomOff bool
}

// Growth counts how often each rung of the ladder was climbed.
type Growth struct {
	InWindow, Extended, Rehomed, Aliased int
}

// holds is what package census is told.
func (a *Arena) holds() (h census.Held) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v := a.mapping.View(); v.Window != nil { // Not free.
		_, kept := a.mapping.Old()
		h = census.Held{Committed: a.file.Allocated(), Reserved: v.Window.Size() + kept}
		if a.file.Disk() {
			h.Committed, h.Disk = 0, h.Committed
		}
	}
	return h
}

// note tells package census, where it wants to know, that memory was taken or given back.
// The arena must not be freed meanwhile; any lock may be held.
func (a *Arena) note() {
	if census.Limited() && !a.file.Disk() {
		a.thing.Note(a.file.Allocated())
	}
}

// Stats returns a snapshot. After Free, Len, Cap and Committed are 0, as are the
// windows but for those that a guard still sees; what is counted stays.
func (a *Arena) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Stats{
		Limit:  a.limit,
		Growth: Growth(a.mapping.Grown()),

		PreparedByWriter: int(a.head.byWriter.Load()),
		PreparedByHelper: int(a.head.byHelper.Load()),
	}
	s.Windows, s.Kept = a.mapping.Old()
	if v := a.mapping.View(); v.Window != nil { // Not free.
		s.Windows++
		s.Len, s.Cap, s.Window = a.Len(), v.Cap, v.Window.Size()
		s.Committed = a.file.Allocated()
		s.HeadroomOff = a.head.paused(int64(s.Len))
	}
	return s
}
