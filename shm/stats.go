package shm

import "github.com/growarena/growarena/arena"

// WriterStats is a snapshot of what a writer has.
type WriterStats struct {
	Published  int    // The end of what followers can read.
	Front      int    // Where that begins.
	Generation uint64 // How many writers the buffer has had, this one included.
	Dir        string // Where it has its name; "" is nowhere.
	Sealed     bool   // Nobody else can cut it, nor, unless it is droppable, write to it.
	Disk       bool   // It outlives the system.
	Arena      arena.Stats
}

// Stats returns a snapshot. Any goroutine may call it at any time before Close or Abort; it
// holds up nobody who publishes. The error wraps ErrCorrupt where somebody has
// cut the control file.
func (w *Writer) Stats() (s WriterStats, err error) {
	s = WriterStats{Dir: w.opts.Dir, Sealed: w.flags&flagSealed != 0, Disk: w.flags&flagOnDisk != 0}
	err = guarded(w.space, s.Sealed, func() error {
		s.Generation, s.Front = w.l.generation.Load(), int(w.l.front.Load())
		s.Published = int(w.l.length.Load()) // Behind the front, which is not beyond it.
		return nil
	})
	s.Arena = w.a.Stats() // Behind what is published, which is not more.
	return s, err
}
