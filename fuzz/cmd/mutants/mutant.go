package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A mutant is one deliberate mistake and the test that must notice it.
type mutant struct {
	name    string // unique, and short enough for a column
	mistake string // what the code does wrong then, in a sentence

	file     string // from the root of the module, with slashes
	old, new string // old stands in file exactly once

	pkg  string   // package of the catching test, a folder from the root; "": file's
	test string   // its name, with those of subtests behind slashes
	args []string // further arguments of go test, such as -tags or -race
	long bool     // without -short
}

// allMutants returns those of all packages.
func allMutants() []mutant {
	return slices.Concat(addrspaceMutants, arenaMutants, epochMutants, poolMutants, slabMutants)
}

// under returns the package that is wrong.
func (m *mutant) under() string { return m.file[:strings.LastIndexByte(m.file, '/')] }

// suite returns which tests have to be built and how.
func (m *mutant) suite() suite {
	s := suite{pkg: m.pkg, args: strings.Join(m.args, " "), long: m.long}
	if s.pkg == "" {
		s.pkg = m.under()
	}
	return s
}

// command returns how to run the catching test by hand, on the code as it is.
func (m *mutant) command() string {
	args := slices.Concat([]string{"go", "test"}, m.args)
	if !m.long {
		args = append(args, "-short")
	}
	return strings.Join(append(args, "-run", "'"+pattern(m.test)+"'", "./"+m.suite().pkg), " ")
}

// apply returns the text with the mistake in it.
func (m *mutant) apply(text string) (string, error) {
	switch n := strings.Count(text, m.old); {
	case m.old == m.new:
		return "", fmt.Errorf("the new text is the old one")
	case n == 0:
		return "", fmt.Errorf("%s no longer has the text %q", m.file, m.old)
	case n > 1:
		return "", fmt.Errorf("%s has the text %q %d times", m.file, m.old, n)
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

// overlay writes the file with the mistake and the description that makes the go
// command read it in place of the original, and returns the latter's path.
func (m *mutant) overlay(root, dir string) (string, error) {
	path := filepath.Join(root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	wrong, err := m.apply(string(text))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(copied, []byte(wrong), 0o600); err != nil {
		return "", err
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": {path: copied}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, description, 0o600)
}

// pattern returns the -run pattern of exactly one test, or subtest.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
