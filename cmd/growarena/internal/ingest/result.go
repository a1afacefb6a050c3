package ingest

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// Result is what an ingest has done: the object that -json prints.
type Result struct {
	Bytes      int     `json:"bytes"`
	Files      int     `json:"files"`      // read, at least in part
	Unreadable int     `json:"unreadable"` // files and directories not read in full
	Skipped    int     `json:"skipped"`    // neither regular files nor directories
	SHA256     string  `json:"sha256"`     // of the stream as it was read
	Lines      int     `json:"lines"`      // counted by the readers, like Matches
	Matches    int     `json:"matches"`
	Seconds    float64 `json:"seconds"` // until all was read and scanned; the check comes after

	Growth  Growth  `json:"growth"`
	Moves   Moves   `json:"moves"`
	Windows Windows `json:"windows"`
	Readers Readers `json:"readers"`

	// PeakRSS is the most memory the process has had resident, as the kernel
	// counts: a page that two windows map counts twice.
	PeakRSS int `json:"peak_rss_bytes"`

	ReadTime  time.Duration `json:"-"` // until all was read
	CheckTime time.Duration `json:"-"` // of the final check
	Rereads   int           `json:"-"` // blocks scanned a second time by readers
	Checked   bool          `json:"-"` // the final check was made and found nothing
}

// Growth counts how often the arena climbed each rung.
type Growth struct {
	InWindow int `json:"in_window"`
	Extended int `json:"extended"`
	Rehomed  int `json:"rehomed"`
	Aliased  int `json:"aliased"`
}

// Moves says what moving to other windows, rehomed or aliased, has left in place.
type Moves struct {
	NotCopied int `json:"bytes_not_copied"` // that were in the arena when it moved, of all moves together
	Held      int `json:"windows_held"`     // left while a reader held a view of them, which read it afterwards
	Compared  int `json:"bytes_compared"`   // read so, and the same at their new addresses
}

// Windows counts what growth has left behind. Once no reader is pinned nothing
// is pending.
type Windows struct {
	Retired   int `json:"retired"`
	Reclaimed int `json:"reclaimed"`
	Pending   int `json:"pending"`
}

// Readers says how many reads there were and how long they took, from before the
// pin until after the unpin.
type Readers struct {
	Reads int   `json:"reads"`
	P50   int64 `json:"p50_ns"`
	P999  int64 `json:"p999_ns"`
	Max   int64 `json:"max_ns"`
}

// peakRSS returns VmHWM of /proc/self/status in bytes, 0 where there is none.
func peakRSS() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	field, _, _ := bytes.Cut(bytes.TrimLeft(rest, " \t"), []byte(" kB"))
	kb, err := strconv.Atoi(string(field))
	if err != nil {
		return 0
	}
	return kb << 10
}
