package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"

	"github.com/growarena/growarena/shm"
)

const followHead = `Usage: growarena follow [-dir DIR] [-from OFFSET] [-pattern RE] [-json] NAME

Waits until there is a buffer of the name, made by 'growarena share' or a program that
uses package shm, writes what is published to standard output as it comes, and ends when
its writer closes it. Any number of processes may follow one buffer; they take none of
its bytes, and cannot harm it. The directory has to be there. Where the writer drops what
is old, without -from it begins with what is left, and what is dropped before it could be
written is an error.

Exit code 4 says that the writer has died: all that it had published is written. 5 says
that the buffer is corrupt.

`

const followFoot = dirFoot + `
With -json each line is an object: {"offset":…,"length":…} for bytes that were published,
{"offset":…,"line":"…"} for a line that matches, and at the end {"end":"closed",
"published":…,"generation":…}; "gone", "corrupt", "dropped" or, for another error, "failed"
in place of "closed".
`

// followFlags are the flags of follow, as given.
type followFlags struct {
	dir, pattern string
	from         string
	json         bool
}

// follow is the command of that name.
func (p *program) follow(ctx context.Context, args []string) error {
	var given followFlags
	f := p.flags("follow", followHead, followFoot)
	f.StringVar(&given.dir, "dir", "", "look for the name in `DIR`")
	f.StringVar(&given.from, "from", "", "begin at `OFFSET`, in bytes (default: with the first that is there)")
	f.StringVar(&given.pattern, "pattern", "", "write only lines that match `RE`")
	f.BoolVar(&given.json, "json", false, "write a JSON object for each publication, or line")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("want the NAME of one buffer, got %d arguments", f.NArg())
	}
	o := followOut{w: bufio.NewWriter(p.stdout), json: given.json, from: -1}
	if given.from != "" {
		from, err := strconv.ParseUint(given.from, 10, 64)
		if err != nil || from > math.MaxInt {
			return usagef("-from is %q, want a number of bytes", given.from)
		}
		o.from = int(from)
	}
	var err error
	if given.pattern != "" {
		if o.pattern, err = regexp.Compile(given.pattern); err != nil {
			return usagef("-pattern: %v", err)
		}
	}
	if err := orUserDir(&given.dir); err != nil {
		return err
	}
	b, err := shm.Await(ctx, given.dir, f.Arg(0), shm.FollowOptions{Retire: true})
	if err == nil {
		err = errors.Join(o.run(ctx, b), b.Close())
	} else if o.json && ctx.Err() == nil {
		o.end(err, 0, 0)
		err = first(err, o.w.Flush())
	}
	return p.followed(ctx, err)
}

// followed tells how following has ended.
func (p *program) followed(ctx context.Context, err error) error {
	code := exitError(exitFailed)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitError(exitInterrupted)
	case errors.Is(err, shm.ErrWriterGone):
		code = exitGone
	case errors.Is(err, shm.ErrCorrupt):
		code = exitCorrupt
	}
	fmt.Fprintf(p.stderr, "growarena follow: %v\n", err)
	return code
}

// followOut writes what follow shows.
type followOut struct {
	w       *bufio.Writer
	from    int // -1: where there is something
	pattern *regexp.Regexp
	json    bool
}

// run writes what is published, until the end.
func (o *followOut) run(ctx context.Context, f *shm.Follower) error {
	if o.from < 0 {
		o.from = f.Front()
	}
	r := f.NewReader(ctx, o.from)
	var err error
	if o.pattern != nil {
		err = o.lines(r)
	} else {
		err = o.bytes(r)
	}
	if o.json && ctx.Err() == nil {
		_, generation := f.State()
		o.end(err, f.Len(), generation)
	}
	// A buffered writer says once more what it has met before.
	return first(err, o.w.Flush())
}

// first returns the first of two errors.
func first(err, next error) error {
	if err != nil {
		return err
	}
	return next
}

// end writes the last object.
func (o *followOut) end(err error, published int, generation uint64) {
	end := "failed"
	switch {
	case err == nil:
		end = "closed"
	case errors.Is(err, shm.ErrWriterGone):
		end = "gone"
	case errors.Is(err, shm.ErrCorrupt):
		end = "corrupt"
	case errors.Is(err, shm.ErrDropped):
		end = "dropped"
	}
	o.object(struct {
		End        string `json:"end"`
		Published  int    `json:"published"`
		Generation uint64 `json:"generation"`
	}{end, published, generation})
}

// object writes a JSON object. An error comes with Flush.
func (o *followOut) object(v any) {
	_ = json.NewEncoder(o.w).Encode(v)
}

// bytes writes all bytes, or where they came.
func (o *followOut) bytes(r *shm.Reader) error {
	if !o.json {
		_, err := r.WriteTo(flushing{o.w})
		return err
	}
	b := make([]byte, 1<<20)
	for {
		off := r.Offset()
		n, err := r.Read(b)
		if n > 0 {
			o.object(struct {
				Offset int `json:"offset"`
				Length int `json:"length"`
			}{off, n})
			if err := o.w.Flush(); err != nil {
				return err
			}
		}
		if err != nil {
			return endOf(err)
		}
	}
}

// lines writes lines that match. The last one may have no end.
func (o *followOut) lines(r *shm.Reader) error {
	off := r.Offset()
	for in := bufio.NewReaderSize(r, 64<<10); ; {
		line, err := in.ReadBytes('\n')
		text := line
		if n := len(text); n > 0 && text[n-1] == '\n' {
			text = text[:n-1]
		}
		if len(line) > 0 && o.pattern.Match(text) {
			if o.json {
				o.object(struct {
					Offset int    `json:"offset"`
					Line   string `json:"line"`
				}{off, string(text)})
			} else {
				_, _ = o.w.Write(text) // An error comes with Flush.
				_ = o.w.WriteByte('\n')
			}
		}
		off += len(line)
		if in.Buffered() == 0 || err != nil {
			if err := o.w.Flush(); err != nil {
				return err
			}
		}
		if err != nil {
			return endOf(err)
		}
	}
}

// endOf returns nil for the end of a buffer.
func endOf(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// flushing is a buffered writer that keeps nothing.
type flushing struct{ w *bufio.Writer }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.w.Flush()
	}
	return n, err
}
