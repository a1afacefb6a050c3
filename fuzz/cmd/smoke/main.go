// Command smoke, for those who change growarena or run it where much is denied, uses the library in twelve steps, under what it is told that the
// system refuses, and checks each byte.
//
//	go run ./fuzz/cmd/smoke [-deny CALL[@ARG:VALUE[&MASK]]=ERRNO,…] [-limit RESOURCE=N,…]
//	    [-noproc] [-commit] [-size N] [-dir DIR] [-step WORDS]
//
// It prints a line for each step: "ok"; "refused", with an error that says what to
// change; "unsaid", with one that does not; or "WRONG". The exit code is 0 if all were
// one of the first two.
//
//	go run ./fuzz/cmd/smoke -deny memfd_create=EPERM
//	go run ./fuzz/cmd/smoke -deny fallocate@1:3=EOPNOTSUPP,madvise@2:25=EINVAL
//	go run ./fuzz/cmd/smoke -limit as=2048000000
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/growarena/growarena/internal/testutil"
)

func main() {
	deny := flag.String("deny", "", "system calls that fail, and with what")
	limit := flag.String("limit", "", "resource limits: as and fsize in bytes, nofile")
	noproc := flag.Bool("noproc", false, "without /proc; needs root")
	commit := flag.Bool("commit", false, "only steps that promise an error where memory is short, in that mode")
	size := flag.Int("size", 4<<20, "bytes of each arena")
	dir := flag.String("dir", os.TempDir(), "where the file of the step with a file is")
	only := flag.String("step", "", "only steps whose name contains this")
	flag.Parse()

	r, err := testutil.ParseRestriction(*deny, *limit, *noproc)
	if err == nil && (*deny != "" || *limit != "" || *noproc) {
		var self string
		if self, err = os.Executable(); err == nil {
			err = r.Exec(self, []string{
				fmt.Sprintf("-commit=%t", *commit), fmt.Sprintf("-size=%d", *size), "-dir=" + *dir, "-step=" + *only,
			})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(2)
	}
	s := session{env: env{size: *size, commit: *commit, dir: *dir}, out: os.Stdout}
	if *commit {
		provide()
	}
	for _, step := range steps {
		if strings.Contains(step.name, *only) && (!*commit || step.commits) {
			s.run(step)
		}
	}
	if !s.end() {
		os.Exit(1)
	}
}

// provide lets the Go runtime take ahead what it will need: at the limit of a memory
// cgroup a page of its own more ends the process, and that would not be ours.
func provide() {
	ahead := make([]byte, 8*mib)
	for i := range ahead {
		ahead[i] = 1
	}
	runtime.KeepAlive(ahead)
	runtime.GC()
	debug.SetGCPercent(-1)
}
