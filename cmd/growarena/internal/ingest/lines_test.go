package ingest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// patterns are expressions that Go and grep -E understand alike.
var patterns = []string{
	"func .*error", "a", "^a", "b$", "^$", "^", "a.b", "[^a]b", "(a|b)+c", "x{2}", "aab", "", `\.`, "a.*\x00",
}

// naive counts as one would by hand.
func naive(re *regexp.Regexp, b []byte) (t tally) {
	lines := bytes.Split(b, newline)
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	for _, line := range lines {
		t.lines++
		if re != nil && re.Match(line) {
			t.matches++
		}
	}
	return t
}

// randomText returns n bytes that matter to patterns, with odd newlines and
// bytes that are no UTF-8.
func randomText(rng *rand.Rand, n int) []byte {
	alphabet := []byte("aaabbbcx.\n\n\n\r\x00\xff\xc3\xa4")
	if rng.IntN(3) == 0 {
		alphabet = []byte("abcx") // hardly any newline
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
		if rng.IntN(200) == 0 {
			b[i] = '\n'
		}
	}
	for range n / 50 {
		copy(b[rng.IntN(len(b)):], "func f() error")
	}
	return b
}

func newRand(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func never() bool { return false }

func TestMatcher_CountsAsNaive(t *testing.T) {
	rng := newRand(t)
	expressions := append([]string{"(?i)FUNC", "a\nb", "\n", "(?s)a.b", "(?m)^a"}, patterns...)
	for range 300 {
		b := randomText(rng, rng.IntN(400))
		re := regexp.MustCompile(expressions[rng.IntN(len(expressions))])
		want := naive(re, b)
		if got := newMatcher(re).count(b); got != want {
			t.Fatalf("%q in %q: count is %+v, want %+v", re, b, got, want)
		}
		if got := recount(re, b, never); got != want {
			t.Fatalf("%q in %q: recount is %+v, want %+v", re, b, got, want)
		}
	}
	if got, want := newMatcher(nil).count([]byte("a\nb")), (tally{lines: 2}); got != want {
		t.Errorf("without an expression: %+v, want %+v", got, want)
	}
}

// TestMatcher_CountsAsGrep compares with grep itself, where there is one that
// knows -a.
func TestMatcher_CountsAsGrep(t *testing.T) {
	if err := exec.Command("grep", "-aEc", "", os.DevNull).Run(); err != nil && !isExit(err, 1) {
		t.Skipf("no grep: %v", err)
	}
	rng := newRand(t)
	name := filepath.Join(t.TempDir(), "text")
	for _, pattern := range patterns {
		if strings.Contains(pattern, "\x00") {
			continue // cannot be an argument
		}
		b := randomText(rng, 5000)
		for i, c := range b {
			if c >= utf8.RuneSelf {
				b[i] = 0xff // Characters of several bytes are one to us and several to grep.
			}
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("grep", "-aEc", "--", pattern, name)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil && !isExit(err, 1) { // 1: no line matches
			t.Fatalf("grep %q: %v", pattern, err)
		}
		want, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		if got := newMatcher(regexp.MustCompile(pattern)).count(b); got.matches != want {
			t.Errorf("%q: %d lines match, grep counts %d", pattern, got.matches, want)
		}
	}
}

func isExit(err error, code int) bool {
	exit, ok := err.(*exec.ExitError)
	return ok && exit.ExitCode() == code
}

// TestPart_CountsEachLineOnce reads a text bit by bit, scans it in blocks meanwhile
// in any order, and compares the sum with a naive count.
func TestPart_CountsEachLineOnce(t *testing.T) {
	rng := newRand(t)
	re := regexp.MustCompile("b.*a")
	m := newMatcher(re)
	for range 500 {
		b := randomText(rng, rng.IntN(300))
		size := 1 + rng.IntN(40)
		var open []*part
		for i := 0; i*size < len(b)+2*size; i++ { // some beyond the end, too
			p := newPart(i, size)
			open = append(open, &p)
		}
		var got tally
		for at := 0; ; at = min(len(b), at+1+rng.IntN(50)) {
			ended := at == len(b)
			rng.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
			left := open[:0]
			for _, p := range open {
				complete := false
				for !complete && (ended || p.need() <= at) {
					need := p.need()
					if complete = p.scan(m, b[:at], ended); !complete && p.need() <= need && !(need == p.to && p.begun) {
						t.Fatalf("block [%d, %d) of %d bytes got nowhere", p.from, p.to, at)
					}
				}
				if complete {
					got.add(p.tally)
				} else {
					left = append(left, p)
				}
			}
			open = left
			if ended {
				break
			}
		}
		if len(open) > 0 {
			t.Fatalf("%d blocks are not complete at the end", len(open))
		}
		if want := naive(re, b); got != want {
			t.Fatalf("blocks of %d in %q: %+v, want %+v", size, b, got, want)
		}
	}
}
