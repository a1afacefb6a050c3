package arena

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// checkpointLittle is what may be left to copy when the writers are stopped.
	checkpointLittle = 1 << 20

	// checkpointRounds bounds how often is copied what was written meanwhile.
	checkpointRounds = 30

	// checkpointPiece is how much is handed to dst at once.
	checkpointPiece = 4 << 20

	// checkpointStage bounds what is copied within the process while the writers are stopped. What does
	// not fit is written to dst before they go on.
	checkpointStage = 64 << 20
)

// CheckpointOptions say how [Arena.Checkpoint] copies.
type CheckpointOptions struct {
	// Quiesce stops the writers: it is called once little is left to copy, and returns when nobody
	// writes to the arena, allocates, or makes it shorter any more, until Resume is called. Readers may go on. Its
	// error ends the checkpoint, and Resume is not called then. nil means that nobody writes while Checkpoint runs.
	Quiesce func() error

	// Resume lets the writers go on. It is called before Checkpoint returns, as soon as the last bytes have been
	// copied within the process; they are written to dst after that. nil: they go on when Checkpoint returns.
	Resume func()

	// Since makes it incremental: dst has the bytes of this checkpoint, the last one of the arena, and only what was
	// written since is written to it.
	Since *Checkpoint
}

// Checkpoint is what [Arena.Checkpoint] has done. It stands for the arena as it was when Quiesce
// had returned.
type Checkpoint struct {
	Len    int           // of the arena then: dst has it at [0, Len)
	Copied int64         // bytes written to dst
	Rounds int           // how often was copied what was written meanwhile, the last time included
	Pause  time.Duration // from Quiesce's return until Resume was called
}

// Checkpoint copies the arena, which is tracked ([Arena.Track]), to dst while it is written to: all of it
// at its offset, then what was written meanwhile, until little is left, and the last of it with the writers stopped by
// Quiesce. What dst has at [0, Len) then is the arena as it was at that moment.
//
// What is left is little when it is 1 MiB, or becomes no less: writers that are faster than dst are stopped for longer. The
// last of it takes memory on the Go heap, up to 64 MiB; what is beyond that is written to dst while the writers are stopped.
//
// If dst is an *os.File of a regular file, it is made Len bytes long; if it was empty, what takes no memory in the arena
// is left out of it. Nothing is synced. To restore see [Arena.Restore]; Options.File goes on in the file itself.
//
// For bytes that are only appended none of this is needed: what lies below a length that was published stays as it is.
//
// An error leaves dst between two checkpoints, and so does a crash: what must survive one goes to
// files of its own, as in the Example of increments. It leaves the arena as it is, and what was written since the last checkpoint known,
// so that it can be tried again. It wraps that of Quiesce, or of dst and says at which offset, or epoch.ErrClosed after Free. Panics if the
// arena is not tracked. A second call waits for the first.
func (a *Arena) Checkpoint(dst io.WriterAt, o CheckpointOptions) (*Checkpoint, error) {
	t := a.track.Load()
	if t == nil {
		a.load()
		panic(fmt.Sprintf("arena: Checkpoint of %q, which is not tracked", a.name))
	}
	t.one.Lock()
	defer t.one.Unlock()
	c := &checkpoint{arena: a, t: t, dst: dst, opts: o}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("arena: checkpoint of %q: %w", a.name, err)
	}
	t.set.Lock()
	defer t.set.Unlock()
	t.last, t.since = &c.done, c.todo // What lies beyond Len is not in dst yet.
	t.made++
	return t.last, nil
}

// checkpoint is one that is being made.
type checkpoint struct {
	arena *Arena
	t     *tracking
	dst   io.WriterAt
	opts  CheckpointOptions

	file   *os.File // dst, if it is a regular file
	sparse bool     // dst was empty: what is a hole can be left out
	todo   pageSet  // what dst does not have
	stage  stage
	done   Checkpoint
}

// errNotLast is what Since is refused with.
var errNotLast = errors.New("CheckpointOptions.Since is not the last checkpoint of the arena since Track: make a full one")

func (c *checkpoint) run() error {
	if c.opts.Since != nil && c.opts.Since != c.t.last {
		return errNotLast
	}
	if err := c.lookAtFile(); err != nil {
		return err
	}
	if c.opts.Since != nil {
		c.todo = c.t.since.clone()
	} else {
		c.todo.add(0, c.page(c.arena.mapping.View().Cap))
	}
	for before := -1; ; c.done.Rounds++ {
		if err := c.find(); err != nil {
			return err
		}
		left := c.left()
		if left <= checkpointLittle || before >= 0 && left > before/2 || c.done.Rounds == checkpointRounds {
			c.stage.make(min(2*left+checkpointLittle, checkpointStage))
			break
		}
		before = left
		if err := c.copy(c.write); err != nil {
			return err
		}
		c.sparse = false // What becomes a hole from now on is not one in dst.
	}
	if err := c.pause(); err != nil {
		return err
	}
	c.done.Rounds++
	for _, s := range c.stage.parts {
		if err := c.write(s.off, s.b); err != nil {
			return err
		}
	}
	if c.file != nil {
		if err := c.file.Truncate(int64(c.done.Len)); err != nil {
			return fmt.Errorf("make the file %d bytes long: %w", c.done.Len, err)
		}
	}
	return nil
}

// pause copies the last of it with the writers stopped.
func (c *checkpoint) pause() error {
	if c.opts.Quiesce != nil {
		if err := c.opts.Quiesce(); err != nil {
			return fmt.Errorf("stop the writers: %w", err)
		}
	}
	start := time.Now()
	if c.opts.Resume != nil {
		defer c.opts.Resume() // Whatever happens.
	}
	if err := c.find(); err != nil {
		return err
	}
	c.done.Len = c.arena.Len()
	err := c.copy(func(off int, b []byte) error {
		if c.stage.take(off, b) {
			return nil
		}
		return c.write(off, b)
	})
	c.done.Pause = time.Since(start)
	return err
}

// find adds what was written since the last look to what is to be done.
func (c *checkpoint) find() error {
	err := c.t.scan(c.arena)
	c.t.set.Lock()
	defer c.t.set.Unlock()
	c.todo.addAll(&c.t.found)
	c.t.since.addAll(&c.t.found) // Also after an error: it is forgotten here.
	c.t.found.clear()
	return err
}

// page returns how many pages n bytes are.
func (c *checkpoint) page(n int) int { return (n + os.Getpagesize() - 1) / os.Getpagesize() }

// left returns how many bytes are to be copied.
func (c *checkpoint) left() int { return c.todo.count(c.page(c.arena.Len())) * os.Getpagesize() }
