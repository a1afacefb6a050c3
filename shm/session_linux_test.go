//go:build !portable && !exploreshm

package shm

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	// named follows the buffer of a directory to its end, as follow does.
	roles["named"] = func() int {
		f, err := Open(os.Getenv(dirEnv), "x", FollowOptions{Reserve: 2 << 20, Retire: true})
		if err != nil {
			return fail("%v", err)
		}
		defer f.Close()
		return check(f)
	}
}

// TestSession: three processes that follow are killed at any moment, also the one that looks after
// the writer for all, and started anew, while a program in Python follows as well. Who lives to the end has all.
func TestSession(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	write(t, w, 1000)
	var consumed strings.Builder
	var other *exec.Cmd
	if python, err := exec.LookPath("python3"); err == nil && strconv.IntSize == 64 {
		files, err := w.Files()
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		other = exec.Command(python, "-c", consumer, "3", "4", "5")
		other.ExtraFiles = files[:]
		other.Stdout, other.Stderr = &consumed, os.Stderr
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
	}

	var followers [3]*child
	for i := range followers {
		followers[i] = start(t, "named", nil, dirEnv+"="+dir)
	}
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		write(t, w, 1+rand.IntN(200_000))
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		c := &followers[rand.IntN(len(followers))]
		if err := (*c).Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if code := (*c).code(t); code != -1 {
			t.Fatalf("exit code %d: %s", code, (*c).out.String())
		}
		*c = start(t, "named", nil, dirEnv+"="+dir)
	}
	write(t, w, 1)
	total, sum := w.Published(), uint32(0)
	for _, c := range w.Arena().Bytes() {
		sum += uint32(c)
	}
	// A buffer that is closed keeps its name, so who has just been started finds it.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range followers {
		if code := c.code(t); code != 0 || c.out.String() != strconv.Itoa(total)+"\n" {
			t.Errorf("exit code %d: %s, want %d bytes", code, c.out.String(), total)
		}
	}
	if other == nil {
		t.Log("without a program in Python")
		return
	}
	_ = other.Wait()
	if want := strconv.Itoa(total) + " " + strconv.FormatUint(uint64(sum), 10); strings.TrimSpace(consumed.String()) != want || other.ProcessState.ExitCode() != 0 {
		t.Errorf("in Python: %q, exit code %d, want %q", consumed.String(), other.ProcessState.ExitCode(), want)
	}
}
