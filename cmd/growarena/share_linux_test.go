package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/shm"
)

// shmDir returns a new directory on the tmpfs that -dir takes.
func shmDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "growarena-test-")
	if err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// process is the program in a process of its own.
type process struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, args...)}
	p.Env = append(os.Environ(), programEnv+"=1")
	p.Stderr = &p.stderr
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // A test that has failed may leave it.
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

// line reads a line of what the process writes.
func (p *process) line(t *testing.T) string {
	t.Helper()
	s, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, p.stderr.String())
	}
	return s
}

// say writes a line to the process.
func (p *process) say(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the process and returns the rest of what it writes, and its exit code.
func (p *process) end(t *testing.T) (string, int) {
	t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	return string(rest), p.ProcessState.ExitCode()
}

// TestShare_TwoTerminals is what README shows: one process shares, two follow, started
// before and after it.
func TestShare_TwoTerminals(t *testing.T) {
	dir := shmDir(t)
	early := spawn(t, "follow", "-dir", dir, "demo")
	w := spawn(t, "share", "-dir", dir, "-name", "demo")
	w.say(t, "one\n")
	if s := early.line(t); s != "one\n" {
		t.Errorf("got %q", s)
	}
	late := spawn(t, "follow", "-dir", dir, "-from", "2", "demo")
	if s := late.line(t); s != "e\n" {
		t.Errorf("got %q", s)
	}
	w.say(t, "two\n")
	for _, f := range []*process{early, late} {
		if s := f.line(t); s != "two\n" {
			t.Errorf("got %q", s)
		}
	}
	w.stdin.Close()
	for _, p := range []*process{w, early, late} {
		if rest, code := p.end(t); rest != "" || code != exitOK {
			t.Errorf("%v: %q, exit code %d\n%s", p.Args, rest, code, p.stderr.String())
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// orders are those in which the three processes of a session can be killed, or started.
var orders = [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// TestShare_EveryOrder kills the processes of README's session, of which number 0 shares and the others
// follow, in each order, and starts them again in each order: a follower has all that was shared
// until then and ends with 4, whether it outlives the writer or comes before the next; who comes behind that
// follows it to its end.
func TestShare_EveryOrder(t *testing.T) {
	for i, kills := range orders {
		for _, starts := range [][3]int{orders[i], orders[len(orders)-1-i]} {
			t.Run(fmt.Sprintf("kill %v, start %v", kills, starts), func(t *testing.T) { everyOrder(t, kills, starts) })
			if testing.Short() {
				break
			}
		}
	}
}

func everyOrder(t *testing.T, kills, starts [3]int) {
	dir := shmDir(t)
	begin := func(i int) *process {
		if i == 0 {
			return spawn(t, "share", "-dir", dir, "-name", "demo")
		}
		return spawn(t, "follow", "-dir", dir, "demo")
	}
	var all [3]*process
	for i := range all {
		all[i] = begin(i)
	}
	ends := func(p *process, rest string, code int) {
		t.Helper()
		if got, c := p.end(t); got != rest || c != code {
			t.Errorf("%v: %q, exit code %d, want %q and %d\n%s", p.Args, got, c, rest, code, p.stderr.String())
		}
	}
	all[0].say(t, "one\n")
	for _, f := range all[1:] {
		if s := f.line(t); s != "one\n" {
			t.Errorf("got %q", s)
		}
	}

	shared := true // the writer lives
	for _, i := range kills {
		if i > 0 && !shared {
			ends(all[i], "", exitGone) // It has ended by itself.
			continue
		}
		if err := all[i].Process.Kill(); err != nil {
			t.Fatal(err)
		}
		ends(all[i], "", -1)
		shared = shared && i > 0
	}

	for _, i := range starts {
		all[i] = begin(i)
		switch {
		case i == 0:
			shared = true
			all[0].say(t, "two\n")
			for !strings.Contains(run("ls", "-dir", dir).stdout, "live") {
				time.Sleep(time.Millisecond) // The name is still that of the one before.
			}
		case !shared:
			ends(all[i], "one\n", exitGone)
			all[i] = nil
		}
	}
	for _, f := range all[1:] {
		if f == nil {
			continue
		}
		if s := f.line(t); s != "two\n" {
			t.Errorf("got %q", s)
		}
	}
	all[0].stdin.Close()
	for _, p := range all {
		if p != nil {
			ends(p, "", exitOK)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// TestShare_Killed: followers end with 4 when the writer is killed, having written all that
// it had published, and the name can be shared anew.
func TestShare_Killed(t *testing.T) {
	dir := shmDir(t)
	w := spawn(t, "share", "-dir", dir, "-name", "demo")
	f := spawn(t, "follow", "-dir", dir, "demo")
	w.say(t, "one\n")
	f.line(t)
	if err := w.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, code := f.end(t); rest != "" || code != exitGone {
		t.Errorf("%q, exit code %d\n%s", rest, code, f.stderr.String())
	}
	w.end(t)
	if o := run("ls", "-dir", dir); !strings.Contains(o.stdout, "dead") {
		t.Errorf("ls: %+v", o)
	}
	// Who comes now has what is there, and is told the same.
	if o := run("follow", "-dir", dir, "demo"); o.stdout != "one\n" || o.code != exitGone {
		t.Errorf("%+v", o)
	}
	w = spawn(t, "share", "-dir", dir, "-name", "demo", "-keep")
	w.say(t, "again\n")
	w.stdin.Close()
	if _, code := w.end(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, w.stderr.String())
	}
	if o := run("follow", "-dir", dir, "demo"); o.stdout != "again\n" || o.code != exitOK {
		t.Errorf("%+v", o)
	}
	if o := run("share", "-dir", dir, "-name", "demo"); o.code != exitFailed || !strings.Contains(o.stderr, "growarena rm -dir "+dir+" demo") {
		t.Errorf("over one that was kept: %+v", o)
	}
	if o := run("rm", "-dir", dir, "demo"); o.code != exitOK {
		t.Errorf("%+v", o)
	}
	if o := run("rm", "-dir", dir, "demo"); o.code != exitFailed {
		t.Errorf("%+v", o)
	}
}

// TestShare_Short: a follower that waits has all of a buffer that is gone at once.
func TestShare_Short(t *testing.T) {
	dir := shmDir(t)
	for range 5 {
		f := spawn(t, "follow", "-dir", dir, "demo")
		for { // Until it waits.
			if _, err := os.Stat(filepath.Join(dir, "demo.wait")); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		w := spawn(t, "share", "-dir", dir, "-name", "demo")
		w.say(t, "short\n")
		w.stdin.Close()
		if _, code := w.end(t); code != exitOK {
			t.Fatalf("share: exit code %d\n%s", code, w.stderr.String())
		}
		if s := f.line(t); s != "short\n" {
			t.Errorf("got %q", s)
		}
		if rest, code := f.end(t); rest != "" || code != exitOK {
			t.Errorf("follow: %q, exit code %d\n%s", rest, code, f.stderr.String())
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// TestShare_Interrupted: an interrupted writer has not closed its buffer.
func TestShare_Interrupted(t *testing.T) {
	dir := shmDir(t)
	w := spawn(t, "share", "-dir", dir, "-name", "demo")
	f := spawn(t, "follow", "-dir", dir, "demo")
	w.say(t, "one\n")
	f.line(t)
	if err := w.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, code := w.end(t); code != exitInterrupted {
		t.Errorf("share: exit code %d", code)
	}
	if rest, code := f.end(t); rest != "" || code != exitGone {
		t.Errorf("follow: %q, exit code %d", rest, code)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// TestShare_Files shares files, and follows lines of them.
func TestShare_Files(t *testing.T) {
	dir := shmDir(t)
	tree, stream := smallTree(t)
	if o := run("share", "-dir", dir, "-name", "demo", "-keep", tree); o.code != exitOK {
		t.Fatalf("%+v", o)
	}
	if o := run("follow", "-dir", dir, "demo"); o.stdout != stream || o.code != exitOK {
		t.Errorf("%+v, want %q", o, stream)
	}
	match, want := regexp.MustCompile("func .*error"), ""
	for line := range strings.SplitSeq(stream, "\n") {
		if match.MatchString(line) {
			want += line + "\n"
		}
	}
	if o := run("follow", "-dir", dir, "-pattern", match.String(), "demo"); o.stdout != want || want == "" || o.code != exitOK {
		t.Errorf("%+v, want %q", o, want)
	}
	o := run("follow", "-dir", dir, "-json", "demo")
	var end struct {
		End        string
		Published  int
		Generation int
	}
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil || end.End != "closed" || end.Published != len(stream) || end.Generation != 1 {
		t.Errorf("%v: %+v", err, o)
	}
	var all []listed
	o = run("ls", "-dir", dir, "-json")
	if err := json.Unmarshal([]byte(o.stdout), &all); err != nil || len(all) != 1 || all[0].State != "closed" || all[0].Published != len(stream) || all[0].PID != os.Getpid() {
		t.Errorf("%v: %+v", err, o)
	}
	if o := run("share", "-dir", dir, "-name", "other", filepath.Join(tree, "none")); o.code != exitUnreadable {
		t.Errorf("%+v", o)
	}
}

// TestFollow_Corrupt: a buffer that is corrupt is 5.
func TestFollow_Corrupt(t *testing.T) {
	dir := shmDir(t)
	w, err := shm.Create(shm.Options{Dir: dir, Name: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := io.WriteString(w, "one\n"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan outcome)
	go func() { ended <- run("follow", "-dir", dir, "demo") }()
	time.Sleep(20 * time.Millisecond)
	control, err := os.OpenFile(filepath.Join(dir, "demo.control"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	if _, err := control.WriteAt([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 88); err != nil {
		t.Fatal(err)
	}
	if o := <-ended; o.code != exitCorrupt {
		t.Errorf("%+v", o)
	}
	if o := run("ls", "-dir", dir); !strings.Contains(o.stdout, "corrupt") {
		t.Errorf("%+v", o)
	}
}

// TestFollow_CorruptAtOnce: one that cannot be opened ends as one that becomes corrupt.
func TestFollow_CorruptAtOnce(t *testing.T) {
	dir := shmDir(t)
	for _, suffix := range []string{".control", ".data", ".bell"} {
		if err := os.WriteFile(filepath.Join(dir, "demo"+suffix), make([]byte, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if o := run("follow", "-dir", dir, "-json", "demo"); o.code != exitCorrupt || o.stdout != `{"end":"corrupt","published":0,"generation":0}`+"\n" {
		t.Errorf("%+v", o)
	}
}

// TestFollow_Cut: a file that is cut is told of once.
func TestFollow_Cut(t *testing.T) {
	dir := shmDir(t)
	w, err := shm.Create(shm.Options{Dir: dir, Name: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	f := spawn(t, "follow", "-dir", dir, "demo")
	if _, err := io.ReadFull(f.stdout, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "demo.data")
	if err := os.Truncate(data, 0); err != nil {
		t.Fatal(err)
	}
	w.Publish(w.Published()) // Nothing.
	b, err := w.Arena().Alloc(1000)
	if err != nil {
		t.Fatal(err)
	}
	_ = b // It cannot be touched.
	w.Publish(w.Arena().Len())
	rest, code := f.end(t)
	if said := f.stderr.String(); len(rest) > 0 || code != exitCorrupt || strings.Count(said, "growarena follow") != 1 || strings.Count(said, "\n") != 1 {
		t.Errorf("%d bytes, exit code %d\n%s", len(rest), code, said)
	}
}

// TestFollow_NoDirectory: nobody can make a name where there is no directory.
func TestFollow_NoDirectory(t *testing.T) {
	dir := filepath.Join(shmDir(t), "none")
	if o := run("follow", "-dir", dir, "-json", "demo"); o.code != exitFailed || !strings.Contains(o.stderr, dir) || !strings.Contains(o.stdout, `"failed"`) {
		t.Errorf("%+v", o)
	}
}

// TestFollow_Dropped: of a buffer whose front is dropped there is what is left.
func TestFollow_Dropped(t *testing.T) {
	dir := shmDir(t)
	w, err := shm.Create(shm.Options{Dir: dir, Name: "demo", Droppable: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "old\nnew\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.DropFront(4); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if o := run("follow", "-dir", dir, "demo"); o.code != exitOK || o.stdout != "new\n" {
		t.Errorf("%+v", o)
	}
	if o := run("follow", "-dir", dir, "-json", "-from", "0", "demo"); o.code != exitFailed || !strings.Contains(o.stdout, `"dropped"`) {
		t.Errorf("%+v", o)
	}
	var all []listed
	if o := run("ls", "-dir", dir, "-json"); json.Unmarshal([]byte(o.stdout), &all) != nil || len(all) != 1 || all[0].Front != 4 {
		t.Errorf("%+v", o)
	}
}

// TestShare_Itself: a buffer in a directory that is shared does not read itself.
func TestShare_Itself(t *testing.T) {
	dir := shmDir(t)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := run("share", "-dir", dir, "-name", "demo", "-keep", dir, filepath.Join(dir, "demo.data")); o.code != exitOK {
		t.Fatalf("%+v", o)
	}
	if o := run("follow", "-dir", dir, "demo"); o.stdout != "all\n" {
		t.Errorf("%+v", o)
	}
}

// TestShare_Last keeps the last of what is read, and gives the rest back.
func TestShare_Last(t *testing.T) {
	dir := shmDir(t)
	lines := strings.Repeat("0123456789abcde\n", 1<<20) // 16 MiB
	file := filepath.Join(shmDir(t), "lines")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := run("share", "-dir", dir, "-name", "demo", "-keep", "-last", "1MiB", file); o.code != exitOK {
		t.Fatalf("%+v", o)
	}
	if o := run("follow", "-dir", dir, "demo"); o.code != exitOK || o.stdout != lines[:1<<20] {
		t.Errorf("%d bytes, exit code %d, %s", len(o.stdout), o.code, o.stderr)
	}
	all, err := shm.List(dir)
	if err != nil || len(all) != 1 || all[0].Memory > 5<<20 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestLs_Names: what a terminal would not show as it is stands in quotes.
func TestLs_Names(t *testing.T) {
	dir := shmDir(t)
	w, err := shm.Create(shm.Options{Dir: dir, Name: "a\x1b[31m\nb"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if o := run("ls", "-dir", dir); o.code != exitOK || strings.Count(o.stdout, "\n") != 2 || !strings.Contains(o.stdout, `"a\x1b[31m\nb"`) {
		t.Errorf("%+v", o)
	}
}

func TestShare_Usage(t *testing.T) {
	for _, args := range [][]string{
		{"share"}, {"share", "-name", "x", "-last", "y"}, {"follow"}, {"follow", "a", "b"}, {"rm"}, {"ls", "x"},
		{"follow", "-from", "-1", "x"}, {"follow", "-from", "x", "x"}, {"follow", "-pattern", "(", "x"},
	} {
		if o := run(args...); o.code != exitUsage {
			t.Errorf("%q: %+v", args, o)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if o := start(ctx, strings.NewReader(""), nil, "follow", "-dir", shmDir(t), "none"); o.code != exitInterrupted {
		t.Errorf("%+v", o)
	}
}
