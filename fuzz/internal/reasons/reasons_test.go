package reasons

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	two, one := Form{Keys: []string{"FILE", "KIND"}}, Form{Keys: []string{"FUNCTION"}, AnyText: true}
	all, err := two.Parse(strings.NewReader("# nothing\n\na.go | | if x || y { | so\n~ b.go | K | z | now and then\n"))
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if all[0].Text != "if x || y {" || all[0].Why != "so" || all[0].Sometimes || !all[1].Sometimes {
		t.Errorf("%+v", all)
	}
	for _, tt := range []struct{ text, file, kind, want string }{
		{"\tif x || y {", "a.go", "any", "so"}, {"if x", "a.go", "any", ""}, {"z", "b.go", "K", "now and then"},
		{"z", "b.go", "L", ""}, {"z", "c.go", "K", ""},
	} {
		if got := Find(all, tt.text, tt.file, tt.kind); got != tt.want {
			t.Errorf("%v: %q", tt, got)
		}
	}
	if !all[0].Used || !all[1].Used {
		t.Errorf("%+v", all)
	}
	if all, err = one.Parse(strings.NewReader("p.f | | all of it")); err != nil || Find(all, "whatever", "p.f") != "all of it" || Find(all, "", "p.g") != "" {
		t.Errorf("%v, %v", all, err)
	}
	for _, bad := range []struct {
		form Form
		line string
	}{
		{two, "a.go | B | c"}, {two, "a.go | B | | why"}, {two, "a.go | B | c |"}, {two, " | B | c | d"},
		{one, "p.f"}, {one, "p.f | x"}, {one, "p.f | x | "}, {one, "| x | y"},
	} {
		if _, err := bad.form.Parse(strings.NewReader("\n" + bad.line)); err == nil || !strings.HasPrefix(err.Error(), "line 2: want "+bad.form.String()) {
			t.Errorf("%q: %v", bad.line, err)
		}
	}
}
