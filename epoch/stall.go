package epoch

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Stall describes a pin that keeps something retired from being freed, or a
// guard that was lost.
type Stall struct {
	Domain  string        // Options.Name
	Slot    int           // the slot the pin is in, or the number of the Local
	Local   bool          // it is the pin of a Local
	Version uint64        // the version it pins
	Age     time.Duration // it has held something for at least so long; see Stats
	Bytes   int64         // the bytes that wait for it, and perhaps for others too
	Lost    bool          // its Guard was garbage collected without Unpin (Options.Debug)
	Stack   []uintptr     // who pinned it, if pins were traced then; for runtime.CallersFrames
}

// String returns one line, and a line pair for each frame of the stack.
func (s Stall) String() string {
	var b strings.Builder
	place := "slot"
	if s.Local {
		place = "local"
	}
	fmt.Fprintf(&b, "%s %d: version %d ", place, s.Slot, s.Version)
	if s.Lost {
		b.WriteString("pinned by a guard that was lost")
	} else {
		fmt.Fprintf(&b, "pinned for at least %v", s.Age)
	}
	fmt.Fprintf(&b, ", holding %d bytes", s.Bytes)
	if len(s.Stack) > 0 {
		frames := runtime.CallersFrames(s.Stack)
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			fmt.Fprintf(&b, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
		}
	}
	return b.String()
}

// A pinned is a pin as a scan saw it.
type pinned struct {
	word  uint64
	since time.Duration // when a scan first saw it hold something; 0: holds nothing
	slot  int32         // its slot's number
	told  bool          // it was reported as stalled
}

// rememberLocked carries over to d.pins what is known of them from the scan
// before. Both lists are in slot order. A pin that was refreshed is another
// pin here: it holds other things.
func (d *Domain) rememberLocked() {
	k := 0
	for i := range d.pins {
		p := &d.pins[i]
		for k < len(d.prev) && d.prev[k].slot < p.slot {
			k++
		}
		if k < len(d.prev) && d.prev[k].slot == p.slot && d.prev[k].word == p.word {
			p.since, p.told = d.prev[k].since, d.prev[k].told
		}
	}
}

// noteLocked notes for each of d.pins since when it has held something.
//
// Preconditions: d.mu is held; sortOutLocked has run after the scan.
func (d *Domain) noteLocked() {
	// marks[i], summed up to i, is the number of exact entries that version
	// seen[i] lies in.
	d.marks = append(d.marks[:0], make([]int, len(d.seen)+1)...)
	for _, e := range d.exact {
		from, _ := slices.BinarySearch(d.seen, e.Birth)
		to, _ := slices.BinarySearch(d.seen, e.death)
		d.marks[from]++
		d.marks[to]--
	}
	for i := 1; i < len(d.marks); i++ {
		d.marks[i] += d.marks[i-1]
	}
	classic := uint64(0)
	if n := len(d.classic); n > 0 {
		classic = d.classic[n-1].death
	}
	t := max(now(), 1)
	for i := range d.pins {
		p := &d.pins[i]
		v := versionOf(p.word)
		k, _ := slices.BinarySearch(d.seen, v)
		switch {
		case v >= classic && d.marks[k] <= 0:
			p.since = 0
		case p.since == 0:
			p.since = t
		}
	}
}

// stalledLocked returns the pins to report now, each once, and after how long
// to look again (0: no need to). The first one arms the tracing of pins, so
// that the next stall of the same culprit comes with its name.
//
// Preconditions: d.mu is held; collectLocked has just run.
func (d *Domain) stalledLocked() (stalls []Stall, next time.Duration) {
	if d.waitingLocked() == 0 {
		return nil, 0
	}
	t := now()
	for i := range d.pins {
		p := &d.pins[i]
		if p.since == 0 || p.told {
			continue
		}
		if rest := d.opts.StallAfter - (t - p.since); rest > 0 {
			next = nextWake(next, rest)
			continue
		}
		p.told = true
		d.traced.Store(1)
		if d.opts.OnStall != nil {
			stalls = append(stalls, d.stallLocked(p, t))
		}
	}
	return stalls, next
}

// nextWake returns the shorter of two waits, 0 being none.
func nextWake(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}

// stallLocked describes p at the time t.
func (d *Domain) stallLocked(p *pinned, t time.Duration) Stall {
	v := versionOf(p.word)
	s := Stall{Domain: d.opts.Name, Slot: int(p.slot), Version: v, Stack: d.stackLocked(int(p.slot), p.word)}
	if s.Slot >= localBase {
		s.Slot, s.Local = s.Slot-localBase, true
	}
	if p.since > 0 {
		s.Age = max(t-p.since, 0)
	}
	for _, q := range [][]entry{d.classic, d.exact} {
		for _, e := range q {
			if e.Birth <= v && v < e.death {
				s.Bytes += e.Bytes
			}
		}
	}
	return s
}

// holdersMax bounds how many pins an error text names.
const holdersMax = 4

// holdersLocked returns, for an error text, who keeps things waiting, as of the
// last scan; in a closed Domain, all who are pinned.
func (d *Domain) holdersLocked() string {
	var b strings.Builder
	n := 0
	for i := range d.pins {
		if d.pins[i].since == 0 && !d.closed {
			continue
		}
		if n++; n <= holdersMax {
			fmt.Fprintf(&b, "\n%v", d.stallLocked(&d.pins[i], now()))
		}
	}
	if n > holdersMax {
		fmt.Fprintf(&b, "\nand %d more", n-holdersMax)
	}
	return b.String()
}
