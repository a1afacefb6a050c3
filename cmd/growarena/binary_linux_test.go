package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build makes the real binary, without the race detector: its shadow memory does
// not fit where address space is limited.
func build(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "growarena")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return name
}

// TestBinary_LittleAddressSpace runs under ulimit -v: it works, or says which
// limit it was, and does not crash.
func TestBinary_LittleAddressSpace(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := build(t)
	dir, stream := smallTree(t)
	big := filepath.Join(dir, "d")
	if err := os.WriteFile(big, bytes.Repeat([]byte("\nfunc error"), 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, rung := range []string{"in-window", "extend", "rehome", "alias"} {
		flags := " ingest -json -pattern 'func .*error' -rung " + rung
		if rung != "in-window" {
			flags += " -window 2MiB"
		}
		cmd := exec.Command("sh", "-c", "ulimit -v 4000000; exec "+program+flags+" "+dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			if !strings.Contains(stderr.String(), "RLIMIT_AS") || cmd.ProcessState.ExitCode() != exitFailed {
				t.Errorf("%s: %v: %s", rung, err, stderr.String())
			}
			continue
		}
		var r struct{ Bytes, Matches int }
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		if r.Bytes != len(stream)+(22<<20) || r.Matches != 2+(2<<20) {
			t.Errorf("%s: got %+v", rung, r)
		}
	}
}

// TestBinary_Interrupt sends the signal of Ctrl-C.
func TestBinary_Interrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	cmd := exec.Command(build(t), "ingest", "-json", "/nowhere/at/all", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The path that does not exist is named once the program is at work.
	lines := bufio.NewReader(stderr)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "/nowhere/at/all") {
		t.Errorf("got %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // The exit code is looked at below.
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(string(rest), "interrupted") {
		t.Errorf("exit code %d, stderr %q", code, rest)
	}
}

// TestBinary_Terminated: a signal that ends share or follow leaves no name behind.
func TestBinary_Terminated(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := build(t)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			continue // The tests run under nohup(1), and so does what they start.
		}
		for command, made := range map[string]string{"share": "x.control", "follow": "x.wait"} {
			dir := shmDir(t)
			args := []string{command, "-dir", dir, "x"}
			if command == "share" {
				args = []string{command, "-dir", dir, "-name", "x"}
			}
			cmd := exec.Command(program, args...)
			stdin, err := cmd.StdinPipe() // Gives nothing.
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for _, err := os.Stat(filepath.Join(dir, made)); err != nil && t.Context().Err() == nil; _, err = os.Stat(filepath.Join(dir, made)) {
				time.Sleep(time.Millisecond)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			cmd.Wait() // The exit code is looked at below.
			stdin.Close()
			left, err := os.ReadDir(dir)
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || len(left) > 0 || err != nil {
				t.Errorf("%s, %v: exit code %d, left: %v, %v", command, sig, code, left, err)
			}
		}
	}
}
