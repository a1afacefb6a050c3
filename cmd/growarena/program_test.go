package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

// programEnv makes the test's binary the program itself, so that it can be killed.
const programEnv = "GROWARENA_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
	}
	testutil.Main(m, func() { _ = addrspace.Default().Trim() })
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("arenas need Linux")
	}
}

// outcome is what a run of the program came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// start runs the program in this process.
func start(ctx context.Context, stdin io.Reader, tamper func([]byte), args ...string) outcome {
	var stdout, stderr bytes.Buffer
	p := newProgram(stdin, &stdout, &stderr)
	p.tamper = tamper
	code := p.run(ctx, args)
	return outcome{code, stdout.String(), stderr.String()}
}

func run(args ...string) outcome {
	return start(context.Background(), strings.NewReader(""), nil, args...)
}

// smallTree writes a few files, and returns their folder and what they are
// together.
func smallTree(t *testing.T) (dir, stream string) {
	t.Helper()
	dir = t.TempDir()
	for _, f := range []struct{ name, text string }{
		{"a", "func f() error\nno"},
		{"b", " newline before\n"},
		{"c", "last func of error"},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		stream += f.text
	}
	return dir, stream
}

func TestProgram_CommandLine(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, test := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string // parts of it; empty means that there is nothing
	}{
		"nothing":             {nil, exitUsage, "", "Usage:"},
		"help":                {[]string{"help"}, exitOK, "Exit codes:", ""},
		"-h":                  {[]string{"-h"}, exitOK, "Exit codes:", ""},
		"help ingest":         {[]string{"help", "ingest"}, exitOK, "-window SIZE", ""},
		"ingest -h":           {[]string{"ingest", "-h"}, exitOK, "-rung NAME", ""},
		"help doctor":         {[]string{"help", "doctor"}, exitOK, "growarena doctor", ""},
		"help on nothing":     {[]string{"help", "me"}, exitUsage, "", `no help on "me"`},
		"version":             {[]string{"version"}, exitOK, runtime.Version(), ""},
		"no such command":     {[]string{"igest"}, exitUsage, "", `no command "igest": want ingest, share`},
		"no such flag":        {[]string{"ingest", "-reader", "1"}, exitUsage, "", "-reader"},
		"flag without value":  {[]string{"ingest", "-readers"}, exitUsage, "", "-readers"},
		"readers no number":   {[]string{"ingest", "-readers", "many"}, exitUsage, "", `"many"`},
		"readers negative":    {[]string{"ingest", "-readers", "-1"}, exitUsage, "", "-readers is -1, want 1 to"},
		"readers none":        {[]string{"ingest", "-readers", "0"}, exitUsage, "", "-readers is 0, want 1 to"},
		"readers too many":    {[]string{"ingest", "-readers", "100000"}, exitUsage, "", "want 1 to 1024"},
		"bad expression":      {[]string{"ingest", "-pattern", "("}, exitUsage, "", "missing closing )"},
		"not Go's grammar":    {[]string{"ingest", "-pattern", `(a)\1`}, exitUsage, "", "invalid escape sequence"},
		"no such rung":        {[]string{"ingest", "-rung", "ladder"}, exitUsage, "", `no rung named "ladder", want in-window, extend, rehome, alias or any`},
		"window no size":      {[]string{"ingest", "-window", "big"}, exitUsage, "", `-window is "big", want a size`},
		"window of nothing":   {[]string{"ingest", "-window", "0"}, exitUsage, "", "want a size"},
		"window too big":      {[]string{"ingest", "-window", "9EiB"}, exitUsage, "", "want a size"},
		"flag behind a path":  {[]string{"ingest", ".", "-json"}, exitUsage, "", "-json stands behind a path"},
		"doctor with a path":  {[]string{"doctor", "."}, exitUsage, "", "unexpected"},
		"doctor, a bad flag":  {[]string{"doctor", "-quick"}, exitUsage, "", "-quick"},
		"no such path":        {[]string{"ingest", none}, exitUnreadable, "1 unreadable", none},
		"a path behind --":    {[]string{"ingest", "--", "-none"}, exitUnreadable, "1 unreadable", "-none"},
		"neither file nor..":  {[]string{"ingest", os.DevNull}, exitUnreadable, "1 unreadable", "redirect it to standard input"},
		"window and one rung": {[]string{"ingest", "-window", "2MiB", "-rung", "alias", "-"}, exitOK, "check    passed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.code != exitUsage && slices.Contains(test.args, "ingest") && !strings.Contains(test.stdout, "-") {
				needLinux(t)
			}
			got := run(test.args...)
			if got.code != test.code {
				t.Errorf("exit code %d, want %d", got.code, test.code)
			}
			if !strings.Contains(got.stdout, test.stdout) || test.stdout == "" && got.stdout != "" {
				t.Errorf("stdout %q, want %q in it", got.stdout, test.stdout)
			}
			if !strings.Contains(got.stderr, test.stderr) || test.stderr == "" && got.stderr != "" {
				t.Errorf("stderr %q, want %q in it", got.stderr, test.stderr)
			}
		})
	}
}

// keys returns the names of fields of a JSON object, those of objects inside it
// behind a dot.
func keys(object map[string]any) []string {
	var all []string
	for k, v := range object {
		all = append(all, k)
		if inner, ok := v.(map[string]any); ok {
			for _, i := range keys(inner) {
				all = append(all, k+"."+i)
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestIngest_JSON(t *testing.T) {
	needLinux(t)
	dir, stream := smallTree(t)
	got := run("ingest", "-json", "-readers", "2", "-window", "2MiB", "-pattern", "func .*error", dir)
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("exit code %d, stderr %q", got.code, got.stderr)
	}
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(got.stdout))
	if err := d.Decode(&object); err != nil {
		t.Fatal(err)
	}
	if d.More() {
		t.Error("more than one object")
	}
	sum := sha256.Sum256([]byte(stream))
	for k, want := range map[string]any{
		"bytes": float64(len(stream)), "files": 3.0, "unreadable": 0.0, "skipped": 0.0,
		"sha256": hex.EncodeToString(sum[:]), "lines": 3.0, "matches": 2.0,
	} {
		if object[k] != want {
			t.Errorf("%s is %v, want %v", k, object[k], want)
		}
	}
	want := strings.Fields(`bytes files unreadable skipped sha256 lines matches seconds
		growth growth.in_window growth.extended growth.rehomed growth.aliased
		moves moves.bytes_not_copied moves.windows_held moves.bytes_compared
		windows windows.retired windows.reclaimed windows.pending
		readers readers.reads readers.p50_ns readers.p999_ns readers.max_ns peak_rss_bytes`)
	slices.Sort(want)
	if got := keys(object); !slices.Equal(got, want) {
		t.Errorf("fields are %q, want %q", got, want)
	}
}

func TestIngest_Text(t *testing.T) {
	needLinux(t)
	dir, _ := smallTree(t)
	got := run("ingest", "-pattern", "func .*error", dir)
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("exit code %d, stderr %q", got.code, got.stderr)
	}
	for _, want := range []string{"51 bytes of 3 files", `3, of which 2 match "func .*error"`, "check    passed"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
}

// TestIngest_DefaultMoves checks that without flags the arena moves while it is being
// read, on an input of a sixth of the default one, and that the report says so.
func TestIngest_DefaultMoves(t *testing.T) {
	needLinux(t)
	dir := t.TempDir()
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))), bytes.Repeat([]byte("some line\n"), 1<<17), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := run("ingest", "-json", dir)
	var r struct {
		Bytes  int
		Growth struct{ Rehomed, Aliased int }
		Moves  struct {
			NotCopied int `json:"bytes_not_copied"`
			Held      int `json:"windows_held"`
			Compared  int `json:"bytes_compared"`
		}
		Windows struct{ Retired, Pending int }
	}
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitOK {
		t.Fatal(err, got)
	}
	if n := r.Growth.Rehomed + r.Growth.Aliased; n < 2 || n != r.Windows.Retired || r.Windows.Pending != 0 {
		t.Errorf("%d moves, windows %+v", n, r.Windows)
	}
	// The first window is always held when it is left, of the others those that the
	// holder is fast enough for.
	if m := r.Moves; m.NotCopied < 4<<20 || m.NotCopied > 2*r.Bytes || m.Held < 1 || m.Compared < 1 || m.Compared > m.NotCopied {
		t.Errorf("moves %+v, of %d bytes", m, r.Bytes)
	}
	if got := run("ingest", dir); !strings.Contains(got.stdout, " moves to a bigger window without copying the ") {
		t.Errorf("no word of the moves in\n%s", got.stdout)
	}
}

func TestIngest_StandardInputAmongFiles(t *testing.T) {
	needLinux(t)
	dir, _ := smallTree(t)
	got := start(context.Background(), strings.NewReader("!\nfunc with an error"), nil,
		"ingest", "-json", "-pattern", "func .*error$", filepath.Join(dir, "c"), "-")
	var r struct{ Lines, Matches int }
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitOK {
		t.Fatal(err, got)
	}
	if r.Lines != 2 || r.Matches != 1 {
		t.Errorf("got %+v", r)
	}
}

// TestIngest_Unreadable names what cannot be read, reads the rest, and says so.
func TestIngest_Unreadable(t *testing.T) {
	needLinux(t)
	dir, stream := smallTree(t)
	none := filepath.Join(dir, "none")
	got := run("ingest", "-json", none, dir)
	var r struct{ Bytes, Unreadable int }
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if got.code != exitUnreadable || r.Bytes != len(stream) || r.Unreadable != 1 || strings.Count(got.stderr, none) != 1 {
		t.Errorf("exit code %d, %+v, stderr %q", got.code, r, got.stderr)
	}
}

func TestIngest_SelfCheckFails(t *testing.T) {
	needLinux(t)
	dir, _ := smallTree(t)
	for _, flags := range [][]string{{}, {"-json"}} {
		args := append(append([]string{"ingest"}, flags...), dir)
		got := start(context.Background(), nil, func(b []byte) { b[7] ^= 1 }, args...)
		if got.code != exitFailed || !strings.Contains(got.stderr, "self-check failed: SHA-256") {
			t.Errorf("%q: exit code %d, stderr %q", flags, got.code, got.stderr)
		}
		if len(flags) == 0 && !strings.Contains(got.stdout, "check    FAILED") {
			t.Errorf("report does not say that the check failed:\n%s", got.stdout)
		}
	}
}

// TestIngest_Interrupted cancels while standard input gives nothing, for ever.
func TestIngest_Interrupted(t *testing.T) {
	needLinux(t)
	pipe, w := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		w.Write([]byte("a line\n"))
		cancel()
	}()
	got := start(ctx, pipe, nil, "ingest", "-json", "-")
	w.Close() // Lets the abandoned Read end.
	if got.code != exitInterrupted || got.stdout != "" || !strings.Contains(got.stderr, "nothing was checked") {
		t.Errorf("exit code %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
	}
}

func TestDoctor(t *testing.T) {
	want := exitOK
	if runtime.GOOS != "linux" {
		want = exitFailed
	}
	got := run("doctor", "-json")
	var r struct {
		Usable bool
		Rows   []map[string]string
	}
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if got.code != want || r.Usable != (want == exitOK) {
		t.Errorf("exit code %d, usable %v", got.code, r.Usable)
	}
	text := run("doctor").stdout
	verdicts := map[string]bool{}
	for _, row := range r.Rows {
		verdicts[row["verdict"]] = true
		if row["name"] == "" || row["value"] == "" || row["group"] == "" {
			t.Errorf("incomplete: %v", row)
		}
		if (row["verdict"] == "ok") != (row["cost"] == "") {
			t.Errorf("a cost belongs to what is not ok: %v", row)
		}
		if row["group"] == "prices" {
			row["change"] = "" // Of another measurement.
		}
		if !strings.Contains(text, row["name"]) || !strings.Contains(text, row["change"]) {
			t.Errorf("the text does not say all of %v", row)
		}
	}
	for v := range maps.Keys(verdicts) {
		if v != "ok" && v != "costs you" && v != "missing" {
			t.Errorf("verdict %q", v)
		}
	}
}

func TestShort(t *testing.T) {
	for want, d := range map[string]float64{"123ns": 123e-9, "1.23µs": 1234e-9, "12.3ms": 12.34e-3, "1m2.4s": 62.43, "0s": 0} {
		if got := short(seconds(d)); got != want {
			t.Errorf("%v s: got %q, want %q", d, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := wrap(strings.Repeat("word ", 30), "  ")
	for line := range strings.Lines(got) {
		if n := len(strings.TrimSuffix(line, "\n")); n > textWidth {
			t.Errorf("a line of %d characters", n)
		}
	}
	if strings.Join(strings.Fields(got), " ") != strings.TrimSpace(strings.Repeat("word ", 30)) {
		t.Errorf("got %q", got)
	}
}
