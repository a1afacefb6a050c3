package bbolt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suite makes a copy whose tests can be run: those of bbolt, and those in testdata, where each
// bigger mapping is elsewhere: left alone, most find room behind them and stay in place.
func suite(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(grown(t), "bbolt-growarena")
	ours, err := filepath.Abs("../..")
	ok(t, err)
	run(t, dir, "go", "mod", "edit", "-replace=github.com/growarena/growarena="+ours)
	ok(t, os.CopyFS(dir, os.DirFS("testdata/suite")))
	if out, err := command(t, dir, "go", "list", "-mod=mod", "-deps", "-test", "./..."); err != nil {
		t.Skipf("what bbolt's tests need cannot be downloaded: %v: %s", err, out)
	}
	return dir
}

// goTest is the go test command, and what all tests of a copy need. Vet has found something in bbolt.
var goTest = []string{"test", "-mod=mod", "-vet=off", "-count=1"}

// TestSuite runs a choice of bbolt's own tests on the copy, and ours.
func TestSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	dir := suite(t)
	// The test that is left out has limits of time that hold on an idle machine. Short ones
	// leave out concurrency.
	t.Log(run(t, dir, "go", append(goTest, "-short", "-skip", "TestDB_Open_InitialMmapSize", "-run",
		"TestGrowing|TestOpen|TestDB|TestTx|TestCursor|TestBucket_(Put|Get|Delete|Stats|ForEach)", ".")...))
	t.Setenv("TEST_CONCURRENT_CASE_DURATION", "1s")
	t.Log(run(t, dir, "go", append(goTest, "-run", "TestConcurrentGenericReadAndWrite", ".")...))
}

// TestSuite_Whole runs all tests of bbolt's as they are and on the copy, with and without the race
// detector: what passes without the change passes with it.
func TestSuite_Whole(t *testing.T) {
	if !*long {
		t.Skip("-long -timeout 0: takes hours where others work, too")
	}
	copied, unchanged := suite(t), stock(t)
	for name, args := range map[string][]string{
		"Plain": {"-timeout=1h", "./..."},
		"Race":  {"-timeout=1h", "-race", "."},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := outcomes(t, unchanged, args...)
			got, said := outcomes(t, copied, args...)
			same := map[string]int{}
			for _, test := range slices.Sorted(maps.Keys(want)) {
				switch is, there := got[test]; {
				case !there && strings.Contains(test, "/"): // Some have random names.
				case want[test] == "pass" && is != "pass":
					t.Errorf("%s passes with bbolt, and with the copy: %q\n%s", test, is, said[test])
				case is == want[test]:
					same[is]++
					if is == "fail" {
						t.Logf("%s fails with both", test)
					}
				}
			}
			if same["pass"] == 0 {
				t.Error("nothing has passed")
			}
			t.Logf("the same with both: %v", same)
		})
	}
}

// outcomes runs go test and returns how each test has ended, and what those said that failed. The name
// of a package alone stands for all of it.
func outcomes(t *testing.T, dir string, args ...string) (ends, said map[string]string) {
	t.Helper()
	cmd := exec.Command("go", slices.Concat(goTest, []string{"-json"}, args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	ends, said = map[string]string{}, map[string]string{}
	for line := range bytes.Lines(out) {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v says %q: %v", cmd, line, err)
		}
		name := strings.TrimSuffix(e.Package+"."+e.Test, ".")
		switch e.Action {
		case "output":
			said[name] += e.Output
		case "pass", "fail", "skip":
			ends[name] = e.Action
		}
	}
	return ends, said
}
