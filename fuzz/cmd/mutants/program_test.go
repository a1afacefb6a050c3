package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTables: every mistake has a name of its own, says what it is, and applies
// to the code as it is today. If one does not, the code has changed: plant the
// same mistake in what is there now.
func TestTables(t *testing.T) {
	names := map[string]bool{}
	for _, m := range allMutants() {
		full := m.under() + ": " + m.name
		if m.name == "" || m.mistake == "" || m.test == "" || names[full] {
			t.Errorf("%q is not described, or is there twice", full)
		}
		names[full] = true
		if _, err := m.plant(filepath.Join("..", "..", "..")); err != nil {
			t.Errorf("%s: %v", full, err)
		}
	}
}

// module is a package with a test that notices a wrong sum and a right one, one
// that notices nothing, one that fails anyway, one that is skipped, and one that
// a mistake makes hang.
var module = map[string]string{
	"go.mod": "module example.com/sums\n\ngo 1.26.0\n",
	"sum/sum.go": `package sum

// Sum adds.
func Sum(a, b int) int {
	if a == 0 {
		return b
	}
	return a + b
}
`,
	"sum/sum_test.go": `package sum

import (
	"os"
	"testing"
)

func TestSum(t *testing.T) {
	t.Run("some", func(t *testing.T) {
		if got := Sum(1, 2); got != 3 {
			t.Errorf("1 + 2 = %d", got)
		}
	})
	if got := Sum(0, 2); got != 2 {
		t.Errorf("0 + 2 = %d", got)
	}
}

func TestNothing(t *testing.T) { Sum(1, 2) }

func TestWrong(t *testing.T) { t.Error("always") }

func TestElsewhere(t *testing.T) { t.Skip("not here") }

func TestLuck(t *testing.T) {
	if Sum(1, 2) == 3 {
		return
	}
	if _, err := os.Stat("seen"); err == nil {
		t.Error("at last")
	}
	os.WriteFile("seen", nil, 0o644)
}
`,
}

// planted is a mistake in the module.
func planted(name, old, new, test string) mutant {
	return mutant{name: name, mistake: "m", file: "sum/sum.go", old: old, new: new, test: test}
}

// writeModule writes the module and returns where.
func writeModule(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range module {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestProgram runs the command over mistakes of every outcome.
func TestProgram(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	root := writeModule(t)
	minus := func(name, test string) mutant { return planted(name, "return a + b", "return a - b", test) }
	twice := planted("in two places", "return b", "return 2*b", "TestSum")
	twice.also = []edit{{"sum/sum.go", "return a + b", "return a + 2*b"}, {"sum/sum.go", "a + 2*b", "a + b + 0"}}
	for _, tt := range []struct {
		mutant
		outcome string
		says    string // in the reason
	}{
		{minus("found", "TestSum"), caught, "1 + 2 = -1"},
		{minus("found by a subtest", "TestSum/some"), caught, "1 + 2 = -1"},
		{planted("endless", "return b", "for {\n\t\t}", "TestSum"), hung, "-run '^TestSum$' ./sum"},
		{planted("crash", "return b", "panic(b)", "TestSum"), caught, "panic: 2"},
		{minus("found at the second try", "TestLuck"), late, "at last"},
		{minus("survivor", "TestNothing"), survived, "go test -short -run '^TestNothing$' ./sum"},
		{planted("no longer there", "return a * b", "return 0", "TestSum"), stale, `no longer has the text "return a * b"`},
		{twice, caught, "0 + 2 = 4"},
		{planted("ambiguous", "return ", "return -", "TestSum"), stale, "2 times"},
		{planted("no mistake", "return b", "return b", "TestSum"), stale, "the new text is the old one"},
		{planted("does not build", "return b", "return c", "TestSum"), broken, "undefined: c"},
		{minus("not sound", "TestWrong"), unsound, "sum_test.go:21: always"},
		{minus("no such test", "TestMissing"), unsound, "there is no such test"},
		{minus("not here", "TestElsewhere"), skipped, "skipped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.name != "no longer there" {
				t.Skip("compiles")
			}
			var out, errs bytes.Buffer
			p := &program{out: &out, err: &errs, root: root, mutants: []mutant{tt.mutant}, timeout: 10 * time.Second}
			if tt.outcome == hung {
				p.timeout = time.Second
			}
			code := p.run(t.Context(), []string{"-v"})
			if good := slices.Contains([]string{caught, late, skipped}, tt.outcome); good != (code == 0) || !good && code != 1 {
				t.Errorf("exit code %d", code)
			}
			if len(p.results) != 1 || p.results[0].outcome != tt.outcome || !strings.Contains(p.results[0].why, tt.says) {
				t.Errorf("results %+v, want %s because of %q", p.results, tt.outcome, tt.says)
			}
			if !strings.Contains(out.String(), "1 mutants in") || !strings.Contains(out.String(), "1 "+tt.outcome) {
				t.Errorf("printed:\n%s", &out)
			}
			if (errs.Len() == 0) != (code == 0 && tt.outcome != late) {
				t.Errorf("on standard error: %s", &errs)
			}
		})
	}
	text, err := os.ReadFile(filepath.Join(root, "sum", "sum.go"))
	if err != nil || string(text) != module["sum/sum.go"] {
		t.Errorf("the tree was changed: %v\n%s", err, text)
	}
}

// TestProgram_Usage: what cannot be done is an error of its own.
func TestProgram_Usage(t *testing.T) {
	root := writeModule(t)
	for _, args := range [][]string{{"-run", "("}, {"-p", "0"}, {"more"}, {"-run", "nothing of the kind"}, {"-x"}, {"-part", "0/2"}, {"-part", "3/2"}, {"-part", "1"}} {
		var out, errs bytes.Buffer
		p := &program{out: &out, err: &errs, root: root, mutants: []mutant{planted("m", "a", "b", "TestSum")}}
		if code := p.run(t.Context(), args); code != 2 || errs.Len() == 0 {
			t.Errorf("%v: exit code %d, %s", args, code, &errs)
		}
	}
}

// TestProgram_List lists those of all packages.
func TestProgram_List(t *testing.T) {
	var out, errs bytes.Buffer
	p := &program{out: &out, err: &errs, root: filepath.Join("..", "..", ".."), mutants: allMutants()}
	if code := p.run(t.Context(), []string{"-list"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	for _, want := range []string{"no validate", "seal forgotten", "double free unnoticed", "guard forgotten"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not listed in\n%s", want, &out)
		}
	}
	if n := strings.Count(out.String(), "TestExplore/"); n < 26 {
		t.Errorf("%d of the explorer's mutants are listed", n)
	}
}

// TestProgram_Part: the parts are all mutants, each once, and as many in each.
func TestProgram_Part(t *testing.T) {
	var all []mutant
	for i := range 7 {
		all = append(all, planted(string(rune('a'+i)), "x", "y", "TestSum"))
	}
	seen := ""
	for _, part := range []string{"1/3", "2/3", "3/3"} {
		var out, errs bytes.Buffer
		p := &program{out: &out, err: &errs, root: ".", mutants: all}
		if code := p.run(t.Context(), []string{"-list", "-part", part}); code != 0 {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		for line := range strings.Lines(out.String()) {
			seen += strings.Fields(line)[1]
		}
	}
	if seen != "adgbecf" {
		t.Errorf("the parts are %q", seen)
	}
}
