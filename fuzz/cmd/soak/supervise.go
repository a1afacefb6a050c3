package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A report is what a worker says of itself, once a second and at its end.
type report struct {
	Programs   int64  // run so far
	Operations int64  // of readers and writers so far
	Next       uint64 // number of the next program
	Failure    string // what went wrong, "" for nothing
	Done       bool
}

func (r report) String() string {
	return fmt.Sprintf("%d programs, %d operations of readers and writers", r.Programs, r.Operations)
}

// size is what a process takes of the system.
type size struct {
	rss             int64 // bytes resident
	mappings, files int
}

// measure returns the size of a process, as far as it can be seen.
func measure(pid int) (s size) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	if text, err := os.ReadFile(dir + "statm"); err == nil {
		var virtual int64
		_, _ = fmt.Fscan(bytes.NewReader(text), &virtual, &s.rss)
		s.rss *= int64(os.Getpagesize())
	}
	if text, err := os.ReadFile(dir + "maps"); err == nil {
		s.mappings = bytes.Count(text, []byte{'\n'})
	}
	if files, err := os.ReadDir(dir + "fd"); err == nil {
		s.files = len(files)
	}
	return s
}

// A failure is how a worker failed.
type failure struct {
	worker, text string
	from         uint64 // number of the program to begin with to see it again
}

// lateAfter is how long after its time a worker is given up.
const lateAfter = time.Minute

// supervise runs workers, each in a process, shows how far they are, and returns
// who failed, and how much was done in all.
func supervise(ctx context.Context, names []string, seed, from uint64, duration time.Duration) (failures []failure, total report) {
	var mu sync.Mutex
	last, pids := make([]report, len(names)), make([]int, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			f := superviseOne(ctx, name, seed, from, duration, func(pid int, r report) {
				mu.Lock()
				last[i], pids[i] = r, pid
				mu.Unlock()
			})
			mu.Lock()
			defer mu.Unlock()
			if f.text != "" {
				failures = append(failures, f)
			}
		})
	}
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	start, tick := time.Now(), time.NewTicker(10*time.Second)
	defer tick.Stop()
	for before := (report{}); ; {
		select {
		case <-all:
			for _, r := range last {
				total.Programs += r.Programs
				total.Operations += r.Operations
			}
			return failures, total
		case <-tick.C:
			mu.Lock()
			var now report
			var all size
			for i, r := range last {
				now.Programs += r.Programs
				now.Operations += r.Operations
				s := measure(pids[i])
				all.rss += s.rss
				all.mappings += s.mappings
				all.files += s.files
			}
			failed := len(failures)
			mu.Unlock()
			fmt.Printf("%6v  %v (%d and %d a second), %d MiB resident, %d mappings, %d descriptors, %d failed\n",
				time.Since(start).Round(time.Second), now, (now.Programs-before.Programs)/10,
				(now.Operations-before.Operations)/10, all.rss>>20, all.mappings, all.files, failed)
			before = now
		}
	}
}

// superviseOne runs a worker to its end and returns what went wrong, with a text of
// "" for nothing.
func superviseOne(ctx context.Context, name string, seed, from uint64, duration time.Duration, progress func(pid int, r report)) failure {
	fail := func(text string) failure { return failure{worker: name, text: name + ": " + text, from: from} }
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), duration+lateAfter)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return fail(err.Error())
	}
	cmd := exec.CommandContext(ctx, self, "-worker", "-only", name,
		fmt.Sprintf("-seed=%d", seed), fmt.Sprintf("-from=%d", from), fmt.Sprintf("-for=%v", duration))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fail(err.Error())
	}
	if err := cmd.Start(); err != nil {
		return fail(err.Error())
	}
	var last report
	for in := json.NewDecoder(out); ; {
		var r report
		if in.Decode(&r) != nil {
			break
		}
		last = r
		progress(cmd.Process.Pid, r)
	}
	err = cmd.Wait()
	switch {
	case last.Failure != "":
		return fail(last.Failure)
	case err != nil || !last.Done:
		text := strings.TrimSpace(complaint.String())
		if len(text) > 4000 {
			text = text[:4000] + "…"
		}
		f := fail(fmt.Sprintf("ended by itself (%v), at program %d of seed %d or soon after: %s", err, last.Next, seed, text))
		if name != together { // whose targets are at different programs
			f.from = last.Next
		}
		return f
	}
	return failure{}
}
