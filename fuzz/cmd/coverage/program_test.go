package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a module with a function of which line 9 is not reached, and line 12.
var tree = map[string]string{
	"go.mod": "module example.com/m\n\ngo 1.26.0\n",
	"epoch/one.go": `package epoch

type thing[T any] struct{ n T }

func (t *thing[T]) do(x int) int {
	x++
	x--
	if x > 1 {
		return x | 1
	}
	if x < 0 {
		panic("BUG: " + "negative")
	}
	return 0
}
`,
	"epoch/two.go": "package epoch\n\nvar f = func() int { return 1 }\n",
}

// profile has both of its tested packages' view of the same blocks.
const profile = `mode: set
example.com/m/epoch/one.go:5.33,8.11 3 0
example.com/m/epoch/one.go:8.11,10.3 1 0
example.com/m/epoch/one.go:11.2,11.11 1 0
example.com/m/epoch/one.go:11.11,13.3 1 0
example.com/m/epoch/one.go:14.2,14.10 1 0
example.com/m/epoch/two.go:3.21,3.31 1 0
example.com/m/epoch/one.go:5.33,8.11 3 1
example.com/m/epoch/one.go:8.11,10.3 1 0
example.com/m/epoch/one.go:11.2,11.11 1 1
example.com/m/epoch/one.go:11.11,13.3 1 0
example.com/m/epoch/one.go:14.2,14.10 1 1
example.com/m/epoch/two.go:3.21,3.31 1 0
`

// write writes the tree, with reasons, and returns where it is.
func write(t *testing.T, reasons string) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{reasonsFile: reasons, "profile": profile}
	for name, text := range tree {
		files[name] = text
	}
	for name, text := range files {
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

const allReasons = `# why
epoch.thing.do | x | 1 | seldom
epoch.thing.do | negative | a broken invariant
~ epoch.f | | only when two meet
`

func TestParse(t *testing.T) {
	blocks, err := parseProfile(strings.NewReader(profile), "example.com/m")
	if err != nil || len(blocks) != 6 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if s := shares(blocks)["epoch"]; s != (share{5, 8}) || s.percent() != 62.5 {
		t.Errorf("%+v, %v %%", s, s.percent())
	}
	for _, bad := range []string{"a.go:1.2,3.4 1", "a.go 1 1", "a.go:1.2 1 1", "a.go:1.2,3.4 x 1", "a.go:1.2,3.4 1 x"} {
		if _, err := parseProfile(strings.NewReader("mode: set\n"+bad), "m"); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestGaps(t *testing.T) {
	root := write(t, "")
	blocks, err := parseProfile(strings.NewReader(profile), "example.com/m")
	if err != nil {
		t.Fatal(err)
	}
	gaps, err := findGaps(root, blocks)
	if err != nil {
		t.Fatal(err)
	}
	want := []gap{
		{file: "epoch/one.go", line: 8, line2: 10, function: "epoch.thing.do", text: "return x | 1"},
		{file: "epoch/one.go", line: 11, line2: 13, function: "epoch.thing.do", text: `panic("BUG: " + "negative")`},
		{file: "epoch/two.go", line: 3, line2: 3, function: "epoch.f", text: "return 1"},
	}
	if len(gaps) != len(want) {
		t.Fatalf("%+v", gaps)
	}
	for i := range want {
		if gaps[i] != want[i] {
			t.Errorf("gap %d is %+v, want %+v", i, gaps[i], want[i])
		}
	}
	if got := gaps[0].where(); got != "epoch/one.go:8-10" {
		t.Error(got)
	}
}

// TestProgram runs the command over a profile that is there already.
func TestProgram(t *testing.T) {
	t.Setenv("GOWORK", "off")
	old := counted
	counted = []string{"./epoch"}
	defer func() { counted = old }()
	for name, tt := range map[string]struct {
		reasons string
		args    []string
		code    int
		out     string
		errs    []string
	}{
		"below nine tenths": {allReasons, nil, 1, "5 of 8 statements", []string{"epoch: 5 of 8 statements are reached, less than 90 %"}},
		"unexplained": {"epoch.thing.do | negative | n\n", nil, 1, "", []string{
			"epoch/one.go:8-10: epoch.thing.do: not reached", "epoch/two.go:3: epoch.f: not reached"}},
		"about nothing": {allReasons + "epoch.gone | | g\n~ epoch.gone | | may be\n", nil, 1, "", []string{"nothing of epoch.gone is unreached"}},
		"short":         {"epoch.gone | | g\n", []string{"-short"}, 1, "epoch/one.go:8-10", nil},
		"markdown":      {allReasons, []string{"-markdown"}, 1, "| `epoch.thing.do` | `return x \\| 1` | seldom |", nil},
		"no reasons":    {"epoch.gone\n", nil, 2, "", []string{"line 1: want FUNCTION | TEXT | WHY"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := write(t, tt.reasons)
			var out, errs bytes.Buffer
			p := &program{out: &out, err: &errs, root: root}
			code := p.run(t.Context(), append(tt.args, "-profile", filepath.Join(root, "profile")))
			if code != tt.code || !strings.Contains(out.String(), tt.out) {
				t.Errorf("exit code %d\n%s", code, &out)
			}
			for _, want := range tt.errs {
				if !strings.Contains(errs.String(), want) {
					t.Errorf("%q is not in\n%s", want, &errs)
				}
			}
			if tt.errs == nil && strings.Contains(errs.String(), "reason") || strings.Contains(errs.String(), "may be") {
				t.Errorf("complains:\n%s", &errs)
			}
		})
	}
	var out, errs bytes.Buffer
	p := &program{out: &out, err: &errs, root: write(t, allReasons)}
	if code := p.run(t.Context(), []string{"-profile", "/no such file"}); code != 2 || errs.Len() == 0 {
		t.Errorf("without a profile: %d, %s", code, &errs)
	}
}

// TestReasons: the file can be read, and each function that it names exists.
func TestReasons(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(reasonsFile)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reasons, err := form.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, dir := range counted {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			s, err := readSource("", file)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range s.functions {
				known[f.name] = true
			}
		}
	}
	for _, r := range reasons {
		if !known[r.Keys[0]] {
			t.Errorf("there is no %s", r.Keys[0])
		}
	}
}
