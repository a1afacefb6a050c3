package stream

import "github.com/growarena/growarena/internal/census"

// Stats is a snapshot of what a stream or a group holds and has done.
type Stats struct {
	Front, Len int64 // What can be read, in bytes or rows.
	Limit      int64 // Of what is live, in bytes or rows.

	// Committed is the memory that the files hold, in bytes: touched or prepared ahead,
	// and what is dropped but not given back yet, or kept for what comes.
	Committed int

	// Stuck is what is dropped, is not kept for what comes, and the kernel has not taken back, in
	// bytes.
	Stuck int

	Files   int // How many there are.
	Window  int // Length of the current windows in bytes of address space.
	Windows int // The current windows and the old ones that are still mapped.
	Kept    int // Length of the old ones in bytes of address space.

	Moves    int // How often it went on in new windows.
	Prepared int // How many extents of 2 MiB appenders have made ready ahead.
	Recycled int // How many were used again, with their memory, after they were dropped.
}

// holds is what package census is told.
func (s *sequence) holds() census.Held {
	st := s.Stats()
	return census.Held{Committed: st.Committed, Reserved: st.Window + st.Kept}
}

// note tells package census, where it wants to know, how much memory there is. Nothing is
// locked.
func (s *sequence) note() {
	if census.Limited() {
		s.thing.Note(s.Stats().Committed)
	}
}

// Stats returns a snapshot. After Close the windows and Kept are what guards still see,
// Committed, Stuck, Files and Window are 0, and what is counted stays.
func (s *sequence) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{
		Front: s.Front(), Len: s.Len(), Limit: s.limit, Moves: s.moves,
		Windows: int(s.old.windows.Load()), Kept: int(s.old.bytes.Load()),
	}
	for _, v := range s.frame.Load().tracks {
		st.Windows++
		st.Window += v.window.Size()
	}
	for i := range s.tracks {
		t := &s.tracks[i]
		st.Prepared += t.hugeByWriter
		files, committed := t.spare.stats()
		st.Files, st.Committed = st.Files+files, st.Committed+committed
		st.Stuck += int(t.spare.stuck())
		st.Recycled += t.recycled
	}
	return st
}
