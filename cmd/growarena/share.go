package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/cmd/growarena/internal/ingest"
	"github.com/growarena/growarena/shm"
)

const shareHead = `Usage: growarena share [-dir DIR] -name NAME [-keep] [-last SIZE] [PATH...]

Reads all regular files under the paths as one stream, in the order of ingest, into a
buffer that other processes follow by its name while it grows: see 'growarena help
follow'. Without PATH, or with -, it reads standard input. What is read is published at
once; the buffer's own files are left out. At the end it is closed and, without -keep,
its name taken away; who follows it has it all the same. So has a 'growarena follow' of the same user that was
already waiting for the name when sharing began, however short that was; the name stays
for it, for two seconds at most.

With -last only the last SIZE bytes stay, and what is older is given back as more comes:
for a feed without an end. Who follows more slowly ends with an error.

A buffer of the name whose writer has died is replaced. One that is in use, or was kept,
is not: see 'growarena rm'. Where it is interrupted followers are told what they are told
where it is killed: that the writer is gone.

`

const dirFoot = `
DIR is a directory on a tmpfs, or on a disk for a buffer that outlives the system. The
default is /dev/shm/growarena-UID, which is made if it is not there.
`

// shareChunk is how much is read, and published, at once.
const shareChunk = 64 << 10

// share is the command of that name.
func (p *program) share(ctx context.Context, args []string) error {
	f := p.flags("share", shareHead, dirFoot)
	dir := f.String("dir", "", "make the name in `DIR`")
	name := f.String("name", "", "share as `NAME`")
	keep := f.Bool("keep", false, "leave the name when all is read")
	lastText := f.String("last", "", "keep the last `SIZE` alone, such as 64MiB")
	if err := parse(f, args); err != nil {
		return err
	}
	last := -1
	if *lastText != "" {
		n, err := humanize.ParseBytes(*lastText)
		if err != nil || n > math.MaxInt {
			return usagef("-last is %q, want a number of bytes, such as 64MiB", *lastText)
		}
		last = int(n)
	}
	if *name == "" {
		return usagef("-name is needed: what others follow the buffer by")
	}
	paths := f.Args()
	if len(paths) == 0 {
		paths = []string{ingest.Stdin}
	}
	if err := orUserDir(dir); err != nil {
		return err
	}
	w, err := createOver(*dir, *name, last >= 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "growarena share: %q in %s\n", *name, *dir)
	return p.shareInto(ctx, w, sharing{paths, *keep, last, ownFiles(*dir, *name)})
}

// orUserDir sets the default of -dir.
func orUserDir(dir *string) (err error) {
	if *dir == "" {
		*dir, err = shm.UserDir()
	}
	return err
}

// createOver makes a buffer, and takes away one of the name whose writer has died.
func createOver(dir, name string, droppable bool) (*shm.Writer, error) {
	// A full file system is an error at once, not a signal at a store.
	o := shm.Options{Dir: dir, Name: name, Droppable: droppable, Arena: arena.Options{Commit: true}}
	w, err := shm.Create(o)
	if !errors.Is(err, fs.ErrExist) {
		return w, err
	}
	all, listErr := shm.List(dir)
	for _, i := range all {
		switch {
		case i.Name != name || listErr != nil:
		case i.Alive:
			return nil, fmt.Errorf("%q in %s is being shared by process %d: end that, or take another -name", name, dir, i.PID)
		case i.State == shm.StateLive && i.Err == nil:
			if err := shm.Remove(dir, name); err != nil {
				return nil, err
			}
			return shm.Create(o)
		default:
			return nil, fmt.Errorf("%q in %s is there, and has no writer: take it away ('growarena rm -dir %s %s'), or take another -name", name, dir, dir, name)
		}
	}
	return nil, err
}

// ownFiles are the files of a buffer, which are not to be read into it.
func ownFiles(dir, name string) (own []fs.FileInfo) {
	for _, suffix := range []string{".data", ".control", ".bell"} {
		if info, err := os.Stat(filepath.Join(dir, name+suffix)); err == nil {
			own = append(own, info)
		}
	}
	return own
}

// sharing says what is shared and how.
type sharing struct {
	paths []string
	keep  bool          // the name
	last  int           // how much stays; -1: all
	own   []fs.FileInfo // the buffer's files, which are left out
}

// shareInto reads what s says into w and ends it.
func (p *program) shareInto(ctx context.Context, w *shm.Writer, s sharing) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	src := ingest.NewSource(reading, s.paths, p.stdin, func(name string, err error) {
		fmt.Fprintf(p.stderr, "growarena share: %v\n", named(name, err))
	}, s.own...)
	// Read by another goroutine, because a Read of a terminal may never return.
	chunks, recycled := make(chan []byte), make(chan []byte, 2)
	recycled <- make([]byte, shareChunk)
	recycled <- make([]byte, shareChunk)
	go func() {
		defer close(chunks)
		defer src.Close()
		for {
			var b []byte
			select {
			case b = <-recycled:
			case <-reading.Done():
				return
			}
			n, err := src.Read(b)
			select {
			case chunks <- b[:n]: // Empty at the end.
			case <-reading.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	err := copyChunks(ctx, w, s.last, chunks, recycled)
	var errs []error
	if err == nil && !s.keep {
		takenUp(ctx, w)
	}
	if err != nil || !s.keep {
		errs = append(errs, w.Remove())
	}
	if err != nil {
		w.Abort()
	} else {
		errs = append(errs, w.Close())
	}
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintf(p.stderr, "growarena share: interrupted: %s were published\n", humanize.IBytes(uint64(w.Published())))
		return exitError(exitInterrupted)
	case err != nil:
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "growarena share: %s%s, closed\n", things(w.Published(), "byte"), rounded(w.Published()))
	if n := src.Unreadable(); n > 0 {
		fmt.Fprintf(p.stderr, "growarena share: %d of the files and directories could not be read in full; all else is well\n", n)
		return exitError(exitUnreadable)
	}
	return nil
}

// takenUpMost is how long a name stays for somebody who waits for it: he may be stopped.
const takenUpMost = 2 * time.Second

// takenUp returns when nobody waits for the name any more.
func takenUp(ctx context.Context, w *shm.Writer) {
	ctx, cancel := context.WithTimeout(ctx, takenUpMost)
	defer cancel()
	for {
		// An error is no reason not to end.
		if awaited, err := w.Awaited(); err != nil || !awaited {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// copyChunks writes chunks to w until there are no more, and drops all but the last bytes, if that
// is not negative.
func copyChunks(ctx context.Context, w *shm.Writer, last int, chunks <-chan []byte, recycled chan<- []byte) error {
	for {
		select {
		case b, more := <-chunks:
			if !more {
				return ctx.Err()
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			if last >= 0 {
				if err := w.KeepLast(last); err != nil {
					return err
				}
			}
			recycled <- b[:cap(b)]
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
