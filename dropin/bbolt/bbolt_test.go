package bbolt_test

import (
	"bufio"
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
	long    = flag.Bool("long", false, "run all of bbolt's tests, which takes most of an hour, and with -race")
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

// module makes a module that uses bbolt as it is, and returns its folder.
func module(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	dir := t.TempDir()
	v := *version
	if v == "" {
		v = run(t, ".", "go", "list", "-m", "-f", "{{.Version}}", "go.etcd.io/bbolt")
	}
	if out, err := command(t, ".", "go", "mod", "download", "go.etcd.io/bbolt@"+v); err != nil {
		t.Skipf("bbolt %s cannot be downloaded: %v: %s", v, err, out)
	}
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

// TestKill kills a program that commits beside a View, again and again, and checks that the
// database has what was said to be committed.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := program(t, grown(t))
	file := filepath.Join(t.TempDir(), "db")
	for commits := range 6 {
		cmd := exec.Command(p, "write", file)
		out, err := cmd.StdoutPipe()
		ok(t, err)
		ok(t, cmd.Start())
		lines := bufio.NewScanner(out)
		least := "0"
		for range 1 + 4*commits {
			if !lines.Scan() {
				break
			}
			least = lines.Text()
		}
		ok(t, cmd.Process.Kill())
		for lines.Scan() { // What it has said meanwhile counts too.
			least = lines.Text()
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		run(t, ".", p, "check", file, least)
	}
}

// TestSuite runs bbolt's own tests on the copy, and those in testdata, where each bigger
// mapping is elsewhere: left alone, most find room behind them and stay in place.
func TestSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	dir := filepath.Join(grown(t), "bbolt-growarena")
	ours, err := filepath.Abs("../..")
	ok(t, err)
	run(t, dir, "go", "mod", "edit", "-replace=github.com/growarena/growarena="+ours)
	ok(t, os.CopyFS(dir, os.DirFS("testdata/suite")))
	if out, err := command(t, dir, "go", "list", "-mod=mod", "-deps", "-test", "."); err != nil {
		t.Skipf("what bbolt's tests need cannot be downloaded: %v: %s", err, out)
	}
	test := func(args ...string) {
		t.Helper()
		all := append([]string{"test", "-mod=mod", "-vet=off", "-count=1"}, args...) // Vet has found something in bbolt.
		t.Log(run(t, dir, "go", all...))
	}
	if !*long {
		// The test that is left out has limits of time that hold on an idle machine. Short ones
		// leave out concurrency.
		test("-short", "-skip", "TestDB_Open_InitialMmapSize", "-run", "TestGrowing|TestOpen|TestDB|TestTx|TestCursor|TestBucket_(Put|Get|Delete|Stats|ForEach)", ".")
		t.Setenv("TEST_CONCURRENT_CASE_DURATION", "1s")
		test("-run", "TestConcurrentGenericReadAndWrite", ".")
		return
	}
	test("-timeout=2h", "./...")
	test("-timeout=2h", "-race", ".")
}

// TestGenerate_Unknown changes what is known of bbolt's sources: there is no copy then, and
// the error says where.
func TestGenerate_Unknown(t *testing.T) {
	module(t) // Or it skips.
	src := run(t, ".", "go", "list", "-m", "-f", "{{.Dir}}", "go.etcd.io/bbolt")
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
