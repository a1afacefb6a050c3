package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// verdict returns the word for what came of a step, and whether it is a failure.
func verdict(err error) (word string, bad bool) {
	var w wrong
	switch {
	case err == nil:
		return "ok", false
	case errors.As(err, &w):
		return "WRONG", true
	case unsaid(err) != "":
		return "unsaid", true
	}
	return "refused", false
}

// refusers is what can refuse: one of it stands in each error.
var refusers = regexp.MustCompile(`\b(memfd_create|fcntl|fallocate|ftruncate|mremap|mmap|munmap|mprotect|madvise|mincore|userfaultfd|` +
	`RLIMIT_[A-Z]+|vm\.\w+|cgroup|memory\.max)\b`)

// remedies are what a user can change: an error that the system causes has one of them.
// It is a list, and not a guess at what sounds helpful: who writes a new kind of advice
// adds it.
var remedies = []*regexp.Regexp{
	regexp.MustCompile(`\(ulimit -[vfn]`),             // a shell's limit, with its name
	regexp.MustCompile(`sysctl -w [a-z_.]+=\d+`),      // a setting, with its value
	regexp.MustCompile(`\b[Ss]et (\w+)?Options\.\w+`), // an option of ours
	regexp.MustCompile(`\bOptions\.(File|HugePages|Commit|Lazy|Rungs|Reserve|Limit|Dir|Backing)\b`),
	regexp.MustCompile(`\b(allow|permit) \w+`), // a sandbox's or container's filter
	regexp.MustCompile(`\b(raise|lift) .*(memory\.max|cgroup)`),
	regexp.MustCompile(`\bLinearOptions\.Lazy\b`),
}

// unsaid says what is missing in the text of an error that the system causes, or returns
// "".
func unsaid(err error) string {
	text := err.Error()
	var lacks []string
	if !regexp.MustCompile(`^(arena|pool|slab|addrspace|epoch): `).MatchString(text) {
		lacks = append(lacks, "the package")
	}
	if !strings.Contains(text, "smoke") {
		lacks = append(lacks, "the object's name")
	}
	if !refusers.MatchString(text) {
		lacks = append(lacks, "the call or the limit that refused")
	}
	said := false
	for _, r := range remedies {
		said = said || r.MatchString(text)
	}
	if !said {
		lacks = append(lacks, "what to change")
	}
	if len(lacks) == 0 {
		return ""
	}
	return fmt.Sprintf("lacks %s", strings.Join(lacks, ", "))
}

// worse returns the error that is worse for the library: a wrong byte before an error
// that does not say what to change, before one that does.
func worse(a, b error) error {
	rank := func(err error) int {
		word, bad := verdict(err)
		switch {
		case word == "WRONG":
			return 3
		case bad:
			return 2
		case err != nil:
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
