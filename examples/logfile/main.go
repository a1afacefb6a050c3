// Command logfile is a log file that many goroutines write and others follow. A line is
// appended to a stream in memory, which takes no lock and no system call; one goroutine writes
// what has come to the file, as much at once as there is, and drops what is there. Who
// follows reads from the stream, or from the file what the stream has dropped.
//
// Beside it is a lock around File.Write, whose followers poll. A crash of the program loses
// nothing that File.Write has written, and here what is on its way to the file.
//
//	go run ./examples/logfile [-n LINES]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/growarena/growarena/examples/internal/figures"
	"github.com/growarena/growarena/examples/internal/plainlog"
)

const writers = 4

// measure has writers append n lines, others follow them, and ends the log.
func measure(name string, n int, appendLine func([]byte) error, end func() error, follow ...io.Reader) (figures.Row, error) {
	var longest [writers]time.Duration
	took, memory, err := figures.Measure(func() error {
		return errors.Join(figures.Together(writers+len(follow), func(i int) error {
			if i >= writers {
				return plainlog.Read(follow[i-writers], n)
			}
			for k := i; k < n; k += writers {
				line := fmt.Appendf(nil, "%d %d %100s\n", i, k, "and what has happened")
				start := time.Now()
				if err := appendLine(line); err != nil {
					return err
				}
				longest[i] = max(longest[i], time.Since(start))
			}
			return nil
		}), end())
	})
	return figures.Row{name, figures.Time(took), figures.Time(slices.Max(longest[:])), figures.MiB(memory)}, err
}

func run(w io.Writer, dir string, n int) error {
	l, err := open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	ours, err := measure("stream, written by one", n, l.append, l.end, &follower{l: l}, &follower{l: l})
	if err := errors.Join(err, l.close()); err != nil {
		return err
	}
	p, err := plainlog.Open(filepath.Join(dir, "plain"))
	if err != nil {
		return err
	}
	defer p.Close()
	plain, err := measure("lock, File.Write", n, p.Append, p.Sync, p.Follow(0), p.Follow(1))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d lines by %d goroutines, followed by 2:\n", n, writers)
	return figures.Print(w, "log, all of it on the disk, longest append, most memory", ours, plain)
}

func main() {
	n := flag.Int("n", 400_000, "number of lines")
	flag.Parse()
	dir, err := os.MkdirTemp("", "logfile")
	if err == nil {
		err = run(os.Stdout, dir, *n)
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		log.Fatal(err)
	}
}
