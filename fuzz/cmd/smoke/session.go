package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"time"
)

// env is what steps are told.
type env struct {
	size   int
	commit bool
	dir    string
}

// A step uses the library in one way. What it keeps is checked again and given back at
// the end, so that later steps, and what they are refused, have their chance to damage
// it.
type step struct {
	name    string
	commits bool // it can be promised that running out of memory is an error
	run     func(env) (kept, error)
}

// kept is what a step has made.
type kept struct {
	check func() error // nil for nothing to be checked
	free  func() error
}

// wrong is an error that no system has a right to: a byte that is not what it should be.
type wrong struct{ error }

func wrongf(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

// hangAfter is how long a step may take.
const hangAfter = 20 * time.Second

// session runs steps, and says of each what came of it.
type session struct {
	env    env
	out    io.Writer
	done   []step
	kept   []kept
	failed bool
	heard  chan os.Signal
	silent chan string // what was heard, in the end; "" for nothing
}

func (s *session) run(p step) {
	if s.heard == nil {
		s.listen()
	}
	k, err := guarded(p.name, func() (kept, error) { return p.run(s.env) })
	s.say(p.name, err)
	if k.free != nil {
		s.done, s.kept = append(s.done, p), append(s.kept, k)
	}
}

// end checks and gives back what the steps have kept, and reports whether all went well.
func (s *session) end() bool {
	if !s.env.commit { // The Go runtime has been left what it needs.
		ahead := make([]byte, 32*mib)
		for i := 0; i < len(ahead); i += 4 * kib {
			ahead[i] = 1
		}
	}
	for i := len(s.kept) - 1; i >= 0; i-- {
		_, err := guarded(s.done[i].name, func() (kept, error) {
			var err error
			if s.kept[i].check != nil {
				err = s.kept[i].check()
			}
			if freeErr := s.kept[i].free(); err == nil && freeErr != nil {
				err = wrongf("free: %w", freeErr)
			}
			return kept{}, err
		})
		if err != nil {
			s.say(s.done[i].name+", at the end", err)
		}
	}
	s.stopListening()
	fmt.Fprintln(s.out, "end")
	return !s.failed
}

// listen listens to all signals, as a program may, which must not hear of ours.
func (s *session) listen() {
	s.heard, s.silent = make(chan os.Signal, 100), make(chan string, 1)
	signal.Notify(s.heard)
	go func() {
		bad := ""
		for sig := range s.heard {
			// The Go runtime sends itself SIGURG, and a terminal's are no business of ours.
			if text := sig.String(); text == "file size limit exceeded" {
				bad = text
			}
		}
		s.silent <- bad
	}()
}

// stopListening says which signal has been heard.
func (s *session) stopListening() {
	if s.heard == nil {
		return
	}
	signal.Stop(s.heard) // Waits for those under way.
	close(s.heard)
	if bad := <-s.silent; bad != "" {
		s.say("signals", wrongf("%s", bad))
	}
}

// say prints one line.
func (s *session) say(name string, err error) {
	word, bad := verdict(err)
	s.failed = s.failed || bad
	if err == nil {
		fmt.Fprintf(s.out, "%-8s%s\n", word, name)
		return
	}
	fmt.Fprintf(s.out, "%-8s%s: %s\n", word, name, strings.ReplaceAll(err.Error(), "\n", "\n        "))
}

// guarded runs f, and ends the process with all stacks if it hangs. A panic, be it from a
// fault, is wrong.
func guarded(name string, f func() (kept, error)) (k kept, err error) {
	debug.SetTraceback("all")
	timer := time.AfterFunc(hangAfter, func() { panic(fmt.Sprintf("%s hangs", name)) })
	defer timer.Stop()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = wrongf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
