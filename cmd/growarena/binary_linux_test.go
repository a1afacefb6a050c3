package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
