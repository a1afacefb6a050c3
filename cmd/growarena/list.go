package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/growarena/growarena/shm"
)

const lsHead = `Usage: growarena ls [-dir DIR] [-json]

Lists the buffers that have a name in a directory: whether their writers live, how much
they have published, and what a follower would find. A writer that is dead without having
closed its buffer has left it over; 'growarena rm' takes it away.

`

const rmHead = `Usage: growarena rm [-dir DIR] NAME...

Takes the names of buffers away, also of what a killed writer has left over. Who follows
one goes on with what he has. A buffer that has a writer stays: end that first.

`

// listed is what ls tells of a buffer.
type listed struct {
	Name       string    `json:"name"`
	State      string    `json:"state"` // live, closed, dead, incomplete, corrupt, unreadable, init
	Published  int       `json:"published"`
	Front      int       `json:"front"` // bytes of these that are dropped
	Memory     int64     `json:"memory"`
	Generation uint64    `json:"generation"`
	PID        int       `json:"pid"`
	UID        int       `json:"uid"`
	Started    time.Time `json:"started"`
	Error      string    `json:"error,omitempty"` // of a follower
}

// list is the command ls.
func (p *program) list(args []string) error {
	f := p.flags("ls", lsHead, dirFoot)
	dir := f.String("dir", "", "list `DIR`")
	asJSON := f.Bool("json", false, "print a JSON array")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("want no arguments, got %d", f.NArg())
	}
	if err := orUserDir(dir); err != nil {
		return err
	}
	found, err := shm.List(*dir)
	if err != nil {
		return err
	}
	all := make([]listed, 0, len(found))
	for _, i := range found {
		l := listed{i.Name, stateOf(i), i.Published, i.Front, i.Memory, i.Generation, i.PID, i.UID, i.Started.UTC(), ""}
		if i.Err != nil {
			l.Error = i.Err.Error()
		}
		all = append(all, l)
	}
	if *asJSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		return out.Encode(all)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	if len(all) > 0 {
		fmt.Fprintln(w, "NAME\tSTATE\tPUBLISHED\tMEMORY\tWRITER\tSINCE")
	}
	for _, l := range all {
		writer, since := "-", "-"
		if l.PID != 0 {
			writer, since = fmt.Sprintf("%d (uid %d)", l.PID, l.UID), l.Started.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(l.Name), l.State, humanize.Comma(int64(l.Published)), humanize.IBytes(uint64(l.Memory)), writer, since)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, l := range all {
		if l.Error != "" {
			fmt.Fprintf(p.stderr, "growarena ls: %s: %s\n", printable(l.Name), l.Error)
		}
	}
	return nil
}

// printable returns a name that a terminal shows as it is: in quotes, if it has to be.
func printable(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// stateOf says in one word how a buffer is.
func stateOf(i shm.Info) string {
	switch {
	case i.Leftover:
		return "incomplete"
	case errors.Is(i.Err, shm.ErrCorrupt):
		return "corrupt"
	case i.Err != nil:
		return "unreadable" // It may be another user's.
	case i.State == shm.StateLive && !i.Alive:
		return "dead"
	}
	return i.State.String()
}

// remove is the command rm.
func (p *program) remove(args []string) error {
	f := p.flags("rm", rmHead, dirFoot)
	dir := f.String("dir", "", "remove from `DIR`")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return usagef("want the NAME of a buffer")
	}
	if err := orUserDir(dir); err != nil {
		return err
	}
	var errs []error
	for _, name := range f.Args() {
		err := shm.Remove(*dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("no buffer %q in %s", name, *dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
