package debug

import (
	"fmt"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/shm"
	"github.com/growarena/growarena/slab"
	"github.com/growarena/growarena/stream"
	"github.com/growarena/growarena/track"
)

// state is what a look has found: the object of ?format=json, which schema.json describes.
// Sizes are bytes, durations nanoseconds.
type state struct {
	Time      time.Time
	Took      time.Duration // of the look
	Program   program
	Memory    memory
	HugePages memfile.HugeState

	Arenas       []arenaState // linear memories, Buffers and the regions of allocators, too
	Streams      []streamState
	Pools        []poolState
	Slabs        []slabState
	Followers    []followerState
	ShmWriters   []shmWriterState
	ShmFollowers []shmFollowerState
	Trackers     []trackerState
	Domains      []domainState
	Spaces       []spaceState
}

// program is the one that serves.
type program struct {
	Name       string
	PID        int
	Go         string
	GOMAXPROCS int
}

// memory is what all of them hold.
type memory struct {
	Count, Committed, Disk, Reserved int
	Limit                            int64 // of the process, by growarena.SetMemoryLimit; 0 is none
}

// label is what all that is listed has.
type label struct {
	Name string
	Busy bool // It has not answered: there are no figures.
}

func (l *label) its() *label { return l }

// thing is something that holds memory, or shows some.
type thing struct {
	label
	Kind string
	Made string // by which function, in which line

	Committed, Disk, Reserved int
}

func (t *thing) head() *thing { return t }

type arenaState struct {
	thing
	Domain   string // through which old windows are retired; "" where they are kept
	Stats    arena.Stats
	Tracked  bool
	Tracking arena.TrackStats
}

type streamState struct {
	thing
	Domain string
	Stats  stream.Stats
}

type poolState struct {
	thing
	Stats pool.Stats
}

type slabState struct {
	label
	Stats slab.Stats
}

type followerState struct {
	thing
	Domain string
	Stats  follow.Stats
}

type shmWriterState struct {
	thing
	Err   string // why there are no figures
	Stats shm.WriterStats
}

type shmFollowerState struct {
	thing
	Front, Len int
	State      string // of the writer, when somebody last looked
	Generation uint64
	Sealed     bool
	Alive      bool   // There is a writer that can publish more.
	Err        string // why that is not known
}

type trackerState struct {
	thing
	Stats track.Stats
}

type domainState struct {
	label
	Pins  []pin // The first of them; Stats.Pinned is how many there are.
	Stats domainStats
}

// domainStats is epoch.Stats without what Pins shows.
type domainStats struct {
	Version      uint64
	Pinned       int
	Slots        int
	Locals       int
	Retired      int
	RetiredBytes int64
	Freed        uint64
	FreedBytes   int64
	Stalled      int
	Lost         int
}

// pin is somebody who holds something, or could.
type pin struct {
	Version uint64
	Local   bool
	Age     time.Duration
	Bytes   int64
	Lost    bool
	Stack   []string
}

type spaceState struct {
	label
	Zones  []addresses
	Places []place
	Stats  addrspace.Stats

	zones []addrspace.Range
}

// addresses is a range of them, as text: there are more than a JSON number holds.
type addresses struct{ Start, End string }

// place is a window, or something else that takes addresses.
type place struct {
	addresses
	State  addrspace.PlaceState
	Name   string
	Size   int
	Mapped int

	at addrspace.Range
}

// domainStatsOf takes over what a domain says.
func domainStatsOf(s epoch.Stats) domainStats {
	return domainStats{
		Version: s.Version, Pinned: s.Pinned, Slots: s.Slots, Locals: s.Locals,
		Retired: s.Retired, RetiredBytes: s.RetiredBytes, Freed: s.Freed, FreedBytes: s.FreedBytes,
		Stalled: len(s.Stalled), Lost: len(s.Lost),
	}
}

// Why says why something waits; "" if nothing does.
func (d *domainState) Why() string {
	s := d.Stats
	switch {
	case s.Retired == 0:
		return ""
	case s.Lost > 0:
		return fmt.Sprintf("guards that were lost: %d", s.Lost)
	case s.Stalled > 0:
		return fmt.Sprintf("pins that have held something for too long: %d", s.Stalled)
	case s.Pinned > 0:
		return fmt.Sprintf("pins: %d", s.Pinned)
	}
	return "it is being freed"
}

// Tracked returns the arenas whose writes are tracked.
func (s *state) Tracked() (list []arenaState) {
	for _, a := range s.Arenas {
		if a.Tracked {
			list = append(list, a)
		}
	}
	return list
}

// Waste returns which part of spans and large objects is not in use, in percent.
func (a *slabState) Waste() float64 { return percent(a.Stats.Charged-a.Stats.Live, a.Stats.Charged) }
