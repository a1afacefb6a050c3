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

// An edit changes a text in a file.
type edit struct {
	file     string // from the root of the module, with slashes
	old, new string // old stands in file exactly once
}

// A mutant is one deliberate mistake and the test that must notice it.
type mutant struct {
	name    string // unique, and short enough for a column
	mistake string // what the code does wrong then, in a sentence

	file     string // from the root of the module, with slashes
	old, new string // old stands in file exactly once
	also     []edit // further edits, for a mistake that is in more than one place

	pkg  string   // package of the catching test, a folder from the root; "": file's
	test string   // its name, with those of subtests behind slashes
	args []string // further arguments of go test, such as -tags or -race
	long bool     // without -short
}

// allMutants returns those of all packages.
func allMutants() []mutant {
	return slices.Concat(
		addrspaceMutants, arenaMutants, censusMutants, commitMutants, epochMutants, explorerMutants, followMutants, localGuardMutants, mappingMutants,
		againMutants, memfileMutants, missedMutants, pageheapMutants, poolMutants, sharedGroupMutants, shmMutants,
		slabMutants, freshMutants, discardMutants, streamMutants, trackMutants,
	)
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

// apply returns the text with the edit made.
func (e *edit) apply(text string) (string, error) {
	switch n := strings.Count(text, e.old); {
	case e.old == e.new:
		return "", fmt.Errorf("the new text is the old one")
	case n == 0:
		return "", fmt.Errorf("%s no longer has the text %q", e.file, e.old)
	case n > 1:
		return "", fmt.Errorf("%s has the text %q %d times", e.file, e.old, n)
	}
	return strings.Replace(text, e.old, e.new, 1), nil
}

// plant returns the files that have the mistake in them, by their paths.
func (m *mutant) plant(root string) (map[string]string, error) {
	texts := map[string]string{}
	for _, e := range append([]edit{{m.file, m.old, m.new}}, m.also...) {
		path := filepath.Join(root, filepath.FromSlash(e.file))
		if _, ok := texts[path]; !ok {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			texts[path] = string(text)
		}
		text, err := e.apply(texts[path])
		if err != nil {
			return nil, err
		}
		texts[path] = text
	}
	return texts, nil
}

// overlay writes the files with the mistake and the description that makes the go
// command read them in place of the originals, and returns the latter's path.
func (m *mutant) overlay(root, dir string) (string, error) {
	texts, err := m.plant(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for path, text := range texts {
		replace[path] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": replace})
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

// subtest returns a subtest's name as package testing writes it.
func subtest(name string) string { return strings.ReplaceAll(name, " ", "_") }
