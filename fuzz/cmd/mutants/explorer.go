package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The explorer's mutants are switches in package epoch, because for each of them
// it searches through the interleavings of up to all scenarios.
const (
	explorerTest = "TestMutants"
	switchesFile = "epoch/mutants_on.go"
)

// switchEntry is an entry of the table in switchesFile.
var switchEntry = regexp.MustCompile(`(?m)^\t\{("[^"]+"), &mut\w+, "[^"]+"\},$`)

// killedBy is how the explorer says which scenario has found a mutant.
var killedBy = regexp.MustCompile(`killed by ("[^"]+") in execution \d+`)

// findSwitches returns the names of the explorer's mutants that match.
func (p *program) findSwitches(match *regexp.Regexp) ([]string, error) {
	if !p.switches {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(switchesFile)))
	if err != nil {
		return nil, err
	}
	entries := switchEntry.FindAllStringSubmatch(string(text), -1)
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s has no table of mutants that can be read", switchesFile)
	}
	var names []string
	for _, e := range entries {
		name, err := strconv.Unquote(e[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", switchesFile, e[1], err)
		}
		if match.MatchString("epoch: " + name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// explore lets the explorer find its mutants, all in one process.
func (p *program) explore(ctx context.Context, names []string) {
	s := suite{pkg: "epoch", args: "-tags explore"}
	dir, err := os.MkdirTemp(p.work, "")
	if err != nil {
		p.note(result{name: "all", pkg: s.pkg, test: explorerTest, outcome: broken, why: err.Error()})
		return
	}
	binary, err := s.build(ctx, p.root, dir, "")
	if err != nil {
		p.note(result{name: "all", pkg: s.pkg, test: explorerTest, outcome: broken, why: err.Error()})
		return
	}
	patterns := make([]string, len(names))
	for i, name := range names {
		patterns[i] = pattern(explorerTest + "/" + subtest(name))
	}
	got := s.run(ctx, p.root, binary, strings.Join(patterns, "|"), soundTimeout, false)
	for _, name := range names {
		p.note(got.ofSwitch(name))
	}
}

// subtest returns a subtest's name as package testing writes it.
func subtest(name string) string { return strings.ReplaceAll(name, " ", "_") }

// ofSwitch returns what became of the explorer's mutant of that name. Its test
// passes if the explorer has found it.
func (r *run) ofSwitch(name string) result {
	test := explorerTest + "/" + subtest(name)
	res := result{name: name, pkg: "epoch", test: test}
	_, text, _ := strings.Cut(r.output, "=== RUN   "+test+"\n")
	text, _, _ = strings.Cut(text, "=== RUN ")
	switch by := killedBy.FindStringSubmatch(text); {
	case r.state[test] == "PASS" && by != nil:
		res.outcome, res.why, res.test = caught, by[0], "explorer: "+by[1]
	case r.state[test] == "FAIL":
		res.outcome, res.why = survived, strings.TrimSpace(text)
	case r.hung:
		res.outcome, res.why = hung, "the explorer did not get that far in time"
	default:
		res.outcome, res.why = unsound, r.why()
	}
	if d := took.FindStringSubmatch(r.output[max(strings.Index(r.output, ": "+test+" ("), 0):]); d != nil {
		res.seconds, _ = strconv.ParseFloat(d[1], 64)
	}
	return res
}

// took is the duration in a verdict.
var took = regexp.MustCompile(`\((\d+\.\d+)s\)`)
