//go:build !portable && !exploreshm

package shm

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
)

// quickFollower builds the program of testdata/follow. Most of the work of a thousand processes is
// to start them, which takes this test's binary twice the time, and more with the race detector, which
// the program is without. Where there is no go command, because the binary was copied to another
// machine, it returns "".
func quickFollower(t *testing.T) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		return ""
	}
	name := filepath.Join(t.TempDir(), "follow")
	build := exec.Command(tool, "build", "-buildvcs=false", "-o", name, "./testdata/follow")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return name
}

// TestProcesses has a thousand processes follow one buffer as it grows. Each goes to a bigger window
// and checks every byte. A few more are this test's binary, which has the race detector where that is on.
func TestProcesses(t *testing.T) {
	w := create(t, Options{Arena: arena.Options{Reserve: 2 << 20}})
	write(t, w, 5)
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	said, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()

	var children []*child
	begin := func(c *child) {
		t.Helper()
		c.Stdout, c.Stderr = says, says // One pipe for all: a line of each.
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, c)
	}
	for range 20 {
		begin(command(t, "follow", files[:], "GOMAXPROCS=1"))
	}
	lines := bufio.NewScanner(said)
	following := func() {
		t.Helper()
		if !lines.Scan() || lines.Text() != "following" {
			t.Fatalf("instead of following: %q, %v", lines.Text(), lines.Err())
		}
	}
	quick, many := "", 0
	if !testing.Short() {
		quick = quickFollower(t)
	}
	if quick != "" {
		many = 1000
	}
	const atOnce = 8 // All at once would take the processor from each other.
	for i := range many {
		if i >= atOnce {
			following()
		}
		c := &child{Cmd: exec.Command(quick)}
		c.Env, c.ExtraFiles = append(os.Environ(), "GOMAXPROCS=1"), files[:]
		begin(c)
	}
	for range min(many, atOnce) {
		following()
	}
	says.Close()

	const total = 2<<20 + 300_000
	for w.Published() < total {
		write(t, w, min(500_001, total-w.Published()))
		time.Sleep(time.Millisecond)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	right := 0
	for lines.Scan() {
		if lines.Text() == strconv.Itoa(total) {
			right++
		} else {
			t.Error(lines.Text())
		}
	}
	for _, c := range children {
		if code := c.code(t); code != 0 {
			t.Errorf("exit code %d of %v", code, c.Args)
		}
	}
	if right != len(children) {
		t.Errorf("%d of %d processes have seen all", right, len(children))
	}
	t.Logf("%d processes", len(children))
}
