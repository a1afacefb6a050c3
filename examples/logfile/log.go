package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/growarena/growarena/stream"
)

const (
	limit   = 64 << 20 // The stream holds lines on their way to the file,
	keep    = 16 << 20 // and some for followers.
	lineMax = 64 << 10
)

// logFile is a file of lines. Any number of goroutines may append and follow.
type logFile struct {
	file *os.File
	base int64 // Offset in the file of the stream's first byte.
	s    *stream.Stream
	done chan error // Closed when all is written, or an error.
}

// open opens a file, or makes it, and cuts off a line that a crash has left unfinished.
func open(path string) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &logFile{file: file, done: make(chan error, 1)}
	size, err := file.Seek(0, io.SeekEnd)
	last := make([]byte, min(size, lineMax))
	if err == nil {
		_, err = file.ReadAt(last, size-int64(len(last)))
	}
	if err == nil {
		l.base = size - int64(len(last)-bytes.LastIndexByte(last, '\n')-1)
		err = file.Truncate(l.base)
	}
	if err == nil {
		l.s, err = stream.New(stream.Options{Name: "log", Limit: limit})
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	go func() {
		defer close(l.done)
		if _, err := io.Copy(&toFile{l, 0}, l.s.Follow(context.Background(), 0)); err != nil {
			l.s.CloseWrite() // The disk is full, say. Nobody is to append any more.
			l.done <- err
		}
	}()
	return l, nil
}

// toFile writes what comes in the stream to the file, up to 1 MiB at once.
type toFile struct {
	l   *logFile
	off int64 // in the stream
}

func (w *toFile) Write(p []byte) (int, error) {
	n, err := w.l.file.WriteAt(p, w.l.base+w.off)
	w.off += int64(n)
	return n, errors.Join(err, w.l.s.DropFront(max(w.off-keep, 0)))
}

// append appends a line.
func (l *logFile) append(line []byte) error {
	for {
		_, err := l.s.Append(line)
		if !errors.Is(err, stream.ErrFull) {
			return err
		}
		time.Sleep(time.Millisecond) // The disk is behind by all that the stream may hold.
	}
}

// end ends the log: all is in the file, and on the disk. Who follows comes to its end.
func (l *logFile) end() error {
	l.s.CloseWrite()
	return errors.Join(<-l.done, l.file.Sync())
}

func (l *logFile) close() error { return errors.Join(l.s.Close(), l.file.Close()) }

// follower reads a log from an offset of the file on, and waits at its end for more.
type follower struct {
	l   *logFile
	off int64
}

func (f *follower) Read(p []byte) (n int, err error) {
	at := f.off - f.l.base
	if err := f.l.s.Wait(context.Background(), at); err != nil {
		return 0, err
	}
	g, err := f.l.s.Pin()
	if err != nil {
		return 0, err
	}
	defer g.Unpin()
	if at < g.Front() { // It was there before, or is dropped.
		n, err = f.l.file.ReadAt(p[:min(int64(len(p)), g.Front()-at)], f.off)
	} else {
		b, _ := g.Bytes(at, int(min(int64(len(p)), g.Len()-at)))
		n = copy(p, b)
	}
	f.off += int64(n)
	return n, err
}
