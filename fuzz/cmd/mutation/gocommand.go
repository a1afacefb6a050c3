package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// goCommand is what gremlins calls as go: tests of a change that the schema has are run with
// that; all else is left to the go command.
func goCommand(planned string, args []string) int {
	var l plan
	text, err := os.ReadFile(planned)
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		return 3
	}
	if args[0] != "test" || slices.Contains(args, "-cover") {
		return l.run(args)
	}
	if id := l.IDs[l.difference().String()]; id != 0 {
		if l.passes(id) {
			return 0
		}
		return 1
	}
	binary, err := os.CreateTemp("", "mutation-*.test")
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		return 3
	}
	defer os.Remove(binary.Name())
	binary.Close()
	// With go test what does not compile looks like a test that fails; gremlins takes 2 for it.
	if l.run([]string{"test", "-c", "-vet=off", "-o", binary.Name(), args[len(args)-1]}) != 0 {
		return 2
	}
	if l.passesAs(binary.Name()) {
		return 0
	}
	return 1
}

// run runs the go command.
func (l *plan) run(args []string) int {
	if l.Short && args[0] == "test" && !slices.Contains(args, "-c") {
		args = slices.Insert(slices.Clone(args), 1, "-short", "-vet=off")
	}
	cmd := exec.Command(l.Go, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		return 3
	}
	return 0
}

// difference is the change in the copy of the package that is the working directory.
func (l *plan) difference() change {
	names, _ := filepath.Glob("*.go")
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		before, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			continue
		}
		after, err := os.ReadFile(name)
		if err != nil || bytes.Equal(before, after) {
			continue
		}
		if c, ok := changed(name, before, after); ok {
			return c
		}
	}
	return change{}
}
