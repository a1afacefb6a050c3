// Package plainlog is a log file as one writes it without growarena: a lock around File.Write,
// and followers that poll.
package plainlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// A Log is a file with one writer at a time and two followers.
type Log struct {
	mu        sync.Mutex // Held while somebody writes.
	file      *os.File
	followers [2]*os.File
}

// Open opens a file, or makes it.
func Open(path string) (*Log, error) {
	var l Log
	for _, f := range []**os.File{&l.file, &l.followers[0], &l.followers[1]} {
		var err error
		if *f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return &l, nil
}

// Append appends a line.
func (l *Log) Append(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.file.Write(line)
	return err
}

// Sync waits until all is on the disk.
func (l *Log) Sync() error { return l.file.Sync() }

// Follow returns what reads all lines, and at the end waits for more.
func (l *Log) Follow(i int) io.Reader { return poller{l.followers[i]} }

// Close closes the files.
func (l *Log) Close() error {
	var errs []error
	for _, f := range []*os.File{l.file, l.followers[0], l.followers[1]} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// poller reads a file, and at its end looks every millisecond whether there is more.
type poller struct{ file *os.File }

func (r poller) Read(p []byte) (int, error) {
	for {
		if n, err := r.file.Read(p); err != io.EOF {
			return n, err
		}
		time.Sleep(time.Millisecond)
	}
}

// Read reads n lines, of any log.
func Read(r io.Reader, n int) error {
	lines := bufio.NewScanner(r)
	for i := range n {
		if !lines.Scan() {
			return fmt.Errorf("the log ends after %d of %d lines: %v", i, n, lines.Err())
		}
	}
	return nil
}
