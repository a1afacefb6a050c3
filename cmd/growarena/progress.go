package main

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/growarena/growarena/cmd/growarena/internal/ingest"
)

// progressEvery is how often the bar is drawn: often enough to look alive.
const progressEvery = 100 * time.Millisecond

// progress is a bar on a terminal, first for reading and then for checking, or
// nothing where there is no terminal.
type progress struct {
	show func(what string, max int64) *progressbar.ProgressBar // nil without a terminal. Immutable.
	stop context.CancelFunc                                    // ends the measuring. Immutable.

	mu       sync.Mutex
	bar      *progressbar.ProgressBar // nil when none is shown. Protected by mu.
	checking bool                     // Protected by mu.
}

// newProgress shows a bar on w, if that is a terminal. Until it is known how
// much there is to read under paths, the bar shows how fast it goes.
func newProgress(ctx context.Context, w io.Writer, paths []string) *progress {
	ctx, stop := context.WithCancel(ctx)
	p := &progress{stop: stop}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return p
	}
	p.show = func(what string, max int64) *progressbar.ProgressBar {
		return progressbar.NewOptions64(max,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(progressEvery),
			progressbar.OptionClearOnFinish(),
		)
	}
	p.bar = p.show("reading", -1)
	go func() {
		n, ok := ingest.Measure(ctx, paths)
		p.mu.Lock()
		defer p.mu.Unlock()
		if ok && n > 0 && p.bar != nil && !p.checking {
			p.bar.ChangeMax64(n)
		}
	}()
	return p
}

// Errors of the bar are those of the terminal, and change nothing.

// read says that n bytes more have been read.
func (p *progress) read(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Add(n)
	}
}

// checked says that n bytes more have been checked, out of so many.
func (p *progress) checked(n, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		return
	}
	if !p.checking {
		p.checking = true
		_ = p.bar.Finish()
		p.bar = p.show("checking", int64(of))
	}
	_ = p.bar.Add(n)
}

// hide takes the bar from the terminal until it is drawn next.
func (p *progress) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// finish takes the bar from the terminal for good.
func (p *progress) finish() {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
