package bbolt_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "go.etcd.io/bbolt" // The version is that of go.mod.

	"github.com/growarena/growarena/dropin/bbolt"
)

var (
	long    = flag.Bool("long", false, "run all of bbolt's tests, with and without the change, and with -race; grow to 4 GiB")
	version = flag.String("bbolt", "", "test with this `version` instead of that of go.mod")
)

// command runs a program, outside the workspace, and returns what it printed.
func command(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := command(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// source returns which version of bbolt is tested, and the folder of its sources.
func source(t *testing.T) (v, dir string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if v = *version; v == "" {
		v = run(t, ".", "go", "list", "-m", "-f", "{{.Version}}", "go.etcd.io/bbolt")
	}
	out, err := command(t, ".", "go", "mod", "download", "-json", "go.etcd.io/bbolt@"+v)
	if err != nil {
		t.Skipf("bbolt %s cannot be downloaded: %v: %s", v, err, out)
	}
	var m struct{ Dir string }
	ok(t, json.Unmarshal([]byte(out), &m))
	return v, m.Dir
}

// stock makes a folder with bbolt's sources as they are, to build and test.
func stock(t *testing.T) string {
	t.Helper()
	_, src := source(t)
	dir := filepath.Join(t.TempDir(), "stock")
	ok(t, os.CopyFS(dir, os.DirFS(src)))
	return dir
}

// module makes a module that uses bbolt as it is, and returns its folder.
func module(t *testing.T) string {
	t.Helper()
	v, _ := source(t)
	dir := t.TempDir()
	ours, err := filepath.Abs("../..")
	ok(t, err)
	main, err := os.ReadFile("testdata/program/main.go")
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(dir, "main.go"), main, 0o600))
	run(t, dir, "go", "mod", "init", "program")
	run(t, dir, "go", "mod", "edit", "-require=go.etcd.io/bbolt@"+v,
		"-require=github.com/growarena/growarena@v0.0.0", "-replace=github.com/growarena/growarena="+ours)
	return dir
}

// grown makes a module that uses the copy which the command has made.
func grown(t *testing.T) string {
	t.Helper()
	dir := module(t)
	out := run(t, ".", "go", "run", "./cmd/growbolt", "-C", dir)
	const line = "replace go.etcd.io/bbolt => ./bbolt-growarena"
	if !strings.Contains(out, line) {
		t.Fatalf("growbolt says %q, want a line %q", out, line)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(dir, "go.mod"), append(mod, "\n"+line+"\n"...), 0o600))
	return dir
}

// program compiles the program of a module.
func program(t *testing.T, dir string) string {
	t.Helper()
	run(t, dir, "go", "build", "-mod=mod", "-o", "program", ".")
	return filepath.Join(dir, "program")
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSchedule runs what stops bbolt for as long as the iterator is not driven
// (nspcc-dev/neo-go#4082): with the copy it ends.
func TestSchedule(t *testing.T) {
	for _, test := range []struct {
		name, wait, want string
		module           func(*testing.T) string
	}{
		{"bbolt", "2s", "blocked", module},
		{"growarena", "10m", "ended", grown},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := program(t, test.module(t))
			if got := run(t, ".", p, "schedule", filepath.Join(t.TempDir(), "db"), test.wait); got != test.want {
				t.Errorf("it %s, want %s", got, test.want)
			}
		})
	}
}

// writer is a program that commits, and prints how many keys there are.
type writer struct {
	*exec.Cmd
	lines *bufio.Scanner
	least string // What it said last.
}

func startWriter(t *testing.T, program string, args ...string) *writer {
	t.Helper()
	w := &writer{Cmd: exec.Command(program, append([]string{"write"}, args...)...), least: "0"}
	out, err := w.StdoutPipe()
	ok(t, err)
	w.lines = bufio.NewScanner(out)
	ok(t, w.Start())
	t.Cleanup(func() { _ = w.Process.Kill() }) // If the test has failed.
	return w
}

// wait waits for n commits.
func (w *writer) wait(n int) {
	for range n {
		if !w.lines.Scan() {
			return
		}
		w.least = w.lines.Text()
	}
}

// kill kills it, and returns which keys it has said to be committed.
func (w *writer) kill(t *testing.T) string {
	t.Helper()
	ok(t, w.Process.Kill())
	for w.lines.Scan() { // What it has said meanwhile counts too.
		w.least = w.lines.Text()
	}
	if err := w.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return w.least
}

// TestKill kills a program that commits beside a View, again and again, and checks that the
// database has what was said to be committed.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := program(t, grown(t))
	file := filepath.Join(t.TempDir(), "db")
	for commits := range 6 {
		w := startWriter(t, p, file)
		w.wait(1 + 4*commits)
		run(t, ".", p, "check", file, w.kill(t))
	}
}

// TestOtherProcess opens for reading what another process has: bbolt allows that beside readers and
// not beside a writer, and the copy's locks are bbolt's.
func TestOtherProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	programs := map[string]string{"bbolt": program(t, module(t)), "growarena": program(t, grown(t))}
	for _, who := range [][2]string{{"growarena", "growarena"}, {"growarena", "bbolt"}, {"bbolt", "growarena"}} {
		t.Run(who[0]+" beside "+who[1], func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "db")
			p, other := programs[who[0]], programs[who[1]]
			w := startWriter(t, other, file, "alone")
			w.wait(3)
			if got := run(t, ".", p, "read", file); got != "locked" {
				t.Errorf("beside a writer it is %s", got)
			}
			least := w.kill(t)

			reader := exec.Command(other, "read", file)
			in, err := reader.StdinPipe()
			ok(t, err)
			out, err := reader.StdoutPipe()
			ok(t, err)
			ok(t, reader.Start())
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
				t.Errorf("with nobody beside it is %q: %v", line, err)
			}
			if got := run(t, ".", p, "read", file); got != "open" {
				t.Errorf("beside a reader it is %s", got)
			}
			run(t, ".", p, "check", file, least)
			ok(t, in.Close())
			ok(t, reader.Wait())
		})
	}
}

// TestCommand runs the command bbolt, bbolt's own and that of the copy, on what the copy has left when it was
// killed: both find it whole, and compact it to the same bytes.
func TestCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute to build")
	}
	file := filepath.Join(t.TempDir(), "db")
	copied, p := suite(t), program(t, grown(t))
	w := startWriter(t, p, file)
	w.wait(20)
	least := w.kill(t)
	var compacted []string
	for _, dir := range []string{stock(t), copied} {
		run(t, dir, "go", "build", "-mod=mod", "-o", "command", "./cmd/bbolt")
		tool, to := filepath.Join(dir, "command"), filepath.Join(dir, "compacted")
		if got := run(t, dir, tool, "check", file); got != "OK" {
			t.Errorf("check says %q", got)
		}
		t.Log(run(t, dir, tool, "compact", "-o", to, file))
		run(t, dir, p, "check", to, least)
		b, err := os.ReadFile(to)
		ok(t, err)
		compacted = append(compacted, string(b))
	}
	if compacted[0] != compacted[1] {
		t.Error("the compacted files differ")
	}
}

// TestGenerate_Unknown changes what is known of bbolt's sources: there is no copy then, and
// the error says where.
func TestGenerate_Unknown(t *testing.T) {
	_, src := source(t)
	for _, test := range []struct{ name, file, old, new, want string }{
		{"AnotherLock", "tx.go", "func (tx *Tx) ID() int {", "func (tx *Tx) ID() int {\n\ttx.db.mmaplock.RLock()", "Tx.ID uses db.mmaplock"},
		{"AnotherUser", "cursor.go", "func (c *Cursor) Bucket() *Bucket {", "func (c *Cursor) Bucket() *Bucket {\n\t_ = c.bucket.tx.db.page(0)", "Cursor.Bucket uses db.page"},
		{"NoLock", "db.go", "\tdb.mmaplock.Lock()\n\tdefer db.mmaplock.Unlock()\n\n\tlg :=", "\tlg :=", "DB.mmap does not use db.mmaplock"},
		{"OtherOrder", "db.go", "\tif err = db.munmap(); err != nil {\n\t\treturn err\n\t}", "\tif err := db.munmap(); err != nil {\n\t\treturn err\n\t}", "DB.mmap does not unmap"},
		{"NoPage", "tx.go", "func (tx *Tx) Page(", "func (tx *Tx) PageOf(", "Tx.PageOf uses db.page"},
		{"NoStruct", "tx.go", "type Tx struct {", "type Tx = transaction\n\ntype transaction struct {", "there is no struct Tx"},
		{"CloseDiffers", "tx.go", "func (tx *Tx) close() {\n", "func (tx *Tx) close() {\n\ttx.root.dereference()\n", "Tx.close: statement 1"},
		{"NoMunmap", "bolt_unix.go", "func munmap(", "func unmap(", "unmap uses db.dataref"},
		{"NoConstraint", "bolt_unix.go", "//go:build", "// go:build", "want a build constraint"},
		{"NotGo", "db.go", "package bbolt", "package bbolt {", "expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := t.TempDir()
			changed := filepath.Join(at, "src")
			ok(t, os.CopyFS(changed, os.DirFS(src)))
			path := filepath.Join(changed, test.file)
			text, err := os.ReadFile(path)
			ok(t, err)
			if strings.Count(string(text), test.old) != 1 {
				t.Fatalf("%s does not have %q once", test.file, test.old)
			}
			ok(t, os.Chmod(path, 0o600))
			ok(t, os.WriteFile(path, []byte(strings.Replace(string(text), test.old, test.new, 1)), 0o600))
			dst := filepath.Join(at, "dst")
			err = bbolt.Generate(changed, dst, "v0.0.0")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
			if _, err := os.Stat(dst); err == nil {
				t.Error("there is a copy")
			}
		})
	}
	t.Run("Exists", func(t *testing.T) {
		if err := bbolt.Generate(src, t.TempDir(), "v0.0.0"); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("error is %v", err)
		}
	})
}

// TestGenerate_Again replaces a copy that growbolt made, and nothing else.
func TestGenerate_Again(t *testing.T) {
	dir := grown(t)
	run(t, ".", "go", "run", "./cmd/growbolt", "-C", dir) // Although go.mod replaces it by then.
	ok(t, os.Mkdir(filepath.Join(dir, "mine"), 0o700))
	out, err := command(t, ".", "go", "run", "./cmd/growbolt", "-C", dir, "-o", "mine")
	if err == nil || !strings.Contains(out, "is not a copy that growbolt made") {
		t.Errorf("it says %q, %v", out, err)
	}
}
