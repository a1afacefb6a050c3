package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/growarena/growarena/cmd/growarena/internal/ingest"
)

// report returns what a person wants to know of an ingest.
func report(o ingest.Options, r *ingest.Result) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	n := func(n int) string { return humanize.Comma(int64(n)) }
	size := func(n int) string { return humanize.IBytes(uint64(n)) }

	row("read", "%s", strings.Join(o.Paths, " "))
	row("", "%s%s of %s; %s unreadable, %s skipped (not regular)", things(r.Bytes, "byte"), rounded(r.Bytes), things(r.Files, "file"), n(r.Unreadable), n(r.Skipped))
	row("sha256", "%s", r.SHA256)
	if o.Pattern == nil {
		row("lines", "%s; no -pattern to match", n(r.Lines))
	} else {
		row("lines", "%s, of which %s match %q", n(r.Lines), n(r.Matches), o.Pattern)
	}
	row("time", "%s until read, %s until scanned too (%s/s)", short(r.ReadTime), short(seconds(r.Seconds)), size(int(float64(r.Bytes)/max(r.Seconds, 1e-9))))
	row("growth", "%d × within the window, %d × extended, %d × rehomed, %d × aliased", r.Growth.InWindow, r.Growth.Extended, r.Growth.Rehomed, r.Growth.Aliased)
	row("moves", "%s", moves(o, r))
	row("windows", "%d retired, %d reclaimed, %d pending", r.Windows.Retired, r.Windows.Reclaimed, r.Windows.Pending)
	row("readers", "%d, with %s of up to %s: median %s, 99.9 %% within %s, longest %s", o.Readers, things(r.Readers.Reads, "pinned read"), size(ingest.BlockSize),
		short(time.Duration(r.Readers.P50)), short(time.Duration(r.Readers.P999)), short(time.Duration(r.Readers.Max)))
	memory := size(r.PeakRSS) + " at most"
	if r.Bytes >= ratioMin {
		memory += fmt.Sprintf(" (%.2f × the data)", float64(r.PeakRSS)/float64(r.Bytes))
	}
	row("memory", "%s", memory)
	if !r.Checked {
		row("check", "FAILED after %s", short(r.CheckTime))
	} else {
		row("check", "passed in %s", short(r.CheckTime))
		row("", "the arena's SHA-256 is that of the stream as it was read")
		row("", "a single-threaded count finds the same lines and matches")
		if r.Rereads > 0 {
			row("", "%s that readers scanned again as the arena grew gave the same count", things(r.Rereads, "block"))
		}
	}
	w.Flush() // A strings.Builder cannot fail.
	return text.String()
}

// moves says what just happened that append could not have done.
func moves(o ingest.Options, r *ingest.Result) string {
	n := r.Growth.Rehomed + r.Growth.Aliased
	if n == 0 {
		return "none: the window was never full, or became longer where it is"
	}
	return fmt.Sprintf("%s to a bigger window without copying the %s that were there; %s read on, the longest read took %s; "+
		"%s of the old addresses were read after a move and showed the same bytes",
		things(n, "move"), humanize.IBytes(uint64(r.Moves.NotCopied)), things(o.Readers, "reader"), short(time.Duration(r.Readers.Max)),
		humanize.IBytes(uint64(r.Moves.Compared)))
}

// ratioMin is how much data there must be for the memory to be compared with it:
// with less, what any program takes is most of it.
const ratioMin = 16 << 20

// rounded returns n in a bigger unit, in parentheses, if it needs one.
func rounded(n int) string {
	if n < 1<<10 {
		return ""
	}
	return " (" + humanize.IBytes(uint64(n)) + ")"
}

// things returns so many of them.
func things(n int, name string) string {
	return humanize.Comma(int64(n)) + " " + english.PluralWord(n, name, "")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// short returns d with three digits at most.
func short(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
