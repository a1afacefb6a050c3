package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// operations are what stands for a and b in the functions of TestSchema, and what it is.
var operations = map[string]func(a, b int) any{
	"a < b":  func(a, b int) any { return a < b },
	"a <= b": func(a, b int) any { return a <= b },
	"a > b":  func(a, b int) any { return a > b },
	"a >= b": func(a, b int) any { return a >= b },
	"a == b": func(a, b int) any { return a == b },
	"a != b": func(a, b int) any { return a != b },
	"a + b":  func(a, b int) any { return a + b },
	"a - b":  func(a, b int) any { return a - b },
	"a * b":  func(a, b int) any { return a * b },
	"a / b":  func(a, b int) any { return a / b },
	"a % b":  func(a, b int) any { return a % b },
}

// TestSchema: a package with all changes in it does what it did with none chosen, and with
// each what it would with that operator; and gremlins' text tells which one it is.
func TestSchema(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("package main\n\nimport \"fmt\"\n\ntype count uint8\n\nconst two = 1 + 1\n\nfunc main() {\n\tfor _, p := range [][2]int{{1, two}, {2, 2}, {7, 2}} {\n\t\ta, b := p[0], p[1]\n")
	var order []string
	for op := range operations {
		order = append(order, op)
		fmt.Fprintf(&text, "\t\tfmt.Println(%s) // aligned\n", op)
	}
	text.WriteString("\t\tc := count(a)\n\t\tc++\n\t\ta++\n\t\ta--\n\t\tfmt.Println(a, c-1<<b, -a, \"x\"+\"y\"[:1], (a+1)*(b-1) == a-b)\n\t}\n}\n")
	name := filepath.Join(dir, "main.go")
	for name, text := range map[string]string{name: text.String(), filepath.Join(dir, "go.mod"): "module p\n\ngo 1.26\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	l := &plan{Dir: dir, Go: "go"}
	run := func(env []string, args ...string) string {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	before := run(nil, "go", "run", ".")
	s, err := l.schema(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range s.files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(nil, "go", "build", "-o", "schema", ".")
	if after := run(nil, "./schema"); after != before {
		t.Fatalf("%s\nwith no change:\n%s", before, after)
	}
	tried := 0
	for i, op := range order {
		from := strings.Fields(op)[1]
		for to, f := range operations {
			changedTo := strings.Replace(text.String(), "("+op+")", "("+to+")", 1)
			c, ok := changed(name, []byte(text.String()), []byte(changedTo))
			if ok == (op == to) {
				t.Fatalf("%s to %s: %v", op, to, ok)
			}
			id := s.ids[c.String()]
			if id == 0 {
				continue // gremlins does not do that.
			}
			tried++
			lines := strings.Split(run([]string{fmt.Sprintf("%s=%d", activeVariable, id)}, "./schema"), "\n")
			old := strings.Split(before, "\n")
			for k, p := range [][2]int{{1, 2}, {2, 2}, {7, 2}} {
				at := k*(len(order)+1) + i
				if want := fmt.Sprint(f(p[0], p[1])); lines[at] != want {
					t.Errorf("%d %s %d made %s: %s, want %s", p[0], from, p[1], to, lines[at], want)
				}
				lines[at] = old[at]
			}
			if strings.Join(lines, "\n") != before {
				t.Errorf("%s made %s changes something else:\n%s", op, to, strings.Join(lines, "\n"))
			}
		}
	}
	if want := 4*2 + 2 + 5; tried != want {
		t.Errorf("%d changes were tried, want %d", tried, want)
	}
}
