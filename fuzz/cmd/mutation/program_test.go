package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestReport: what gremlins writes is counted by what came of it, those that live are
// told with their lines, and make the result bad unless there is a reason.
func TestReport(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("pkg", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("pkg/a.go", []byte("package pkg\n\nvar x = 1 + 2\nvar y = x | 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mutations := strings.Repeat(`{"type":"A","status":"KILLED","line":1,"column":1},`, 18)
	text := `{"files":[{"file_name":"a.go","mutations":[` + mutations +
		`{"type":"A","status":"TIMED OUT","line":3,"column":9},
		{"type":"A","status":"NOT COVERED","line":3,"column":9},
		{"type":"A","status":"NOT VIABLE","line":3,"column":9},
		{"type":"B","status":"LIVED","line":4,"column":9}]}]}`
	for reasons, good := range map[string]bool{
		"":                          false,
		"pkg/a.go | B | x | 3 | so": true,
		"pkg/a.go | | var y | so":   true,
		"pkg/a.go | A | var y | so": false,
		"pkg/b.go | B | var y | so": false,
		"pkg/a.go | B | var z | so": false,
	} {
		r, err := parseReport("pkg", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := form.Parse(strings.NewReader(reasons))
		if err != nil {
			t.Fatal(err)
		}
		r.explain(parsed)
		var out bytes.Buffer
		if r.print(&out) != good {
			t.Errorf("%q: good is %v:\n%s", reasons, !good, out.Bytes())
		}
		if s := out.String(); !strings.Contains(s, "pkg: 19 of 20 died, 95 %") || !strings.Contains(s, "pkg/a.go:4:9 B: var y = x | 3") {
			t.Errorf("%s", s)
		}
	}
	r := &result{pkg: "few"}
	for range 10 {
		r.add(mutation{status: "KILLED"})
		r.add(mutation{status: "LIVED", why: "so"})
	}
	if r.print(new(bytes.Buffer)) {
		t.Error("half of them live, and it is good")
	}
}

// TestHarmless: the list can be read, and what is no reason cannot.
func TestHarmless(t *testing.T) {
	all, err := form.Parse(strings.NewReader(harmless))
	if err != nil {
		t.Error(err)
	}
	for _, r := range all {
		if _, err := os.Stat("../../../" + r.Keys[0]); err != nil {
			t.Error(err)
		}
	}
	for _, line := range []string{"a.go | B | c", "a.go | B | | why", "a.go | B | c |", " | B | c | d"} {
		if _, err := form.Parse(strings.NewReader(line)); err == nil {
			t.Errorf("%q is a reason", line)
		}
	}
}
