package debug

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// readEvent reads an event as the specification of server-sent events has it.
func readEvent(r *bufio.Reader) (name, data string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return name, strings.TrimSuffix(data, "\n"), nil
		}
		field, value, ok := strings.Cut(line, ": ")
		switch {
		case ok && field == "event" && name == "":
			name = value
		case field == "data" || line == "data:":
			data += value + "\n"
		default:
			return "", "", fmt.Errorf("the line %q", line)
		}
		if strings.Contains(line, "\r") {
			return "", "", fmt.Errorf("the line %q ends before its end", line)
		}
	}
}

// open follows the events of a handler until stop is called.
func open(t *testing.T, server *httptest.Server) (events *bufio.Reader, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"?format=events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, of type %s", answer.Status, got)
	}
	return bufio.NewReader(answer.Body), func() {
		cancel()
		answer.Body.Close()
	}
}

// await returns the next event of that name.
func await(t *testing.T, events *bufio.Reader, name string) string {
	t.Helper()
	for {
		got, data, err := readEvent(events)
		if err != nil {
			t.Fatal(err)
		}
		if got == name {
			return data
		}
	}
}

// closed waits until no page is open any more.
func closed(t *testing.T, h *handler) {
	t.Helper()
	for range 1000 {
		h.streams.mu.Lock()
		n := h.streams.n
		h.streams.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("a stream of events has not ended")
}

// TestEvents: who follows gets the state, then each growth step as it happens, failed ones too,
// until he goes; then nobody watches any more.
func TestEvents(t *testing.T) {
	s := newScene(t, hostile)
	h := Handler().(*handler)
	server := httptest.NewServer(h)
	defer server.Close()
	events, stop := open(t, server)
	defer stop()
	state := await(t, events, "state")
	contains(t, "state", []byte(state), "Arenas", "Pools", "&lt;script&gt;alert(")
	if strings.Contains(state, "<script") {
		t.Error("a name is a script")
	}
	if !census.Watched() {
		t.Error("nobody watches")
	}
	if err := s.arena.Grow(40 * mib); err != nil {
		t.Fatal(err)
	}
	step := await(t, events, "steps")
	contains(t, "step", []byte(step), "<td>alias", "&lt;script&gt;alert(", " MiB →", "<td>42 MiB")
	full, err := arena.NewArena(arena.Options{Name: "narrow", Reserve: 2 * mib, Rungs: arena.RungInWindow})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Free()
	if err := full.Grow(4 * mib); err == nil {
		t.Fatal("it has grown beyond its window")
	}
	step = await(t, events, "steps")
	contains(t, "failed step", []byte(step), "narrow", "failed", "allow no bigger one")
	stop()
	closed(t, h)
	if census.Watched() {
		t.Error("somebody watches still")
	}
}

// TestEvents_Shutdown: a page that is open does not hold up the end of its server.
func TestEvents_Shutdown(t *testing.T) {
	h := Handler().(*handler)
	server := httptest.NewServer(h)
	defer server.Close()
	for range 2 {
		events, stop := open(t, server)
		defer stop()
		await(t, events, "state")
	}
	if err := server.Config.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	closed(t, h)
}

// TestEvents_TooMany: no more pages may be open than there are to be, and one that was closed
// makes room.
func TestEvents_TooMany(t *testing.T) {
	h := Handler().(*handler)
	h.streams.n = streamsMax
	w := httptest.NewRecorder()
	ask := func() int {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?format=events", nil).WithContext(ctx))
		return w.Code
	}
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", code)
	}
	h.streams.end()
	w = httptest.NewRecorder()
	if code := ask(); code != http.StatusOK || h.streams.n != streamsMax-1 {
		t.Errorf("one that was closed: %d, %d are open", code, h.streams.n)
	}
}

// deaf is a ResponseWriter that cannot flush.
type deaf struct{ http.ResponseWriter }

// TestEvents_NoFlush: where there can be no events that is said.
func TestEvents_NoFlush(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(deaf{w}, httptest.NewRequest(http.MethodGet, "/?format=events", nil))
	if w.Code != http.StatusNotImplemented {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// TestAsking: what does not answer in time is busy, is not asked again before it has answered, and
// holds up nothing behind it.
func TestAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Time passes when all wait: the first one has been asked.
		a := asking{patience: time.Millisecond}
		release, released := make(chan bool), make(chan bool)
		var asked atomic.Int32
		var got []string
		answer := func(s string) func() { return func() { got = append(got, s) } }
		list := []question{
			{key: 1, ask: func() func() {
				if asked.Add(1) == 1 {
					<-release
					close(released)
				}
				return answer("1")
			}, busy: answer("busy")},
		}
		a.all(list)
		if fmt.Sprint(got) != "[busy]" {
			t.Errorf("what is stuck: %v", got)
		}
		got, a.patience = nil, time.Minute // What follows may take its time.
		list = append(list, question{key: 2, ask: func() func() { return answer("2") }, busy: answer("busy")})
		a.all(list)
		if fmt.Sprint(got) != "[busy 2]" {
			t.Errorf("what is stuck still: %v", got)
		}
		close(release)
		<-released
		synctest.Wait()
		got = nil
		a.all(list)
		if fmt.Sprint(got) != "[1 2]" || asked.Load() != 2 {
			t.Errorf("when it has answered: %v, asked %d times", got, asked.Load())
		}
		a.all(nil)
	})
}

// TestAsking_PatienceForEach: each has as much time as the first.
func TestAsking_PatienceForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := asking{patience: time.Second}
		answered := 0
		var list []question
		for i := range 5 {
			list = append(list, question{
				key: i,
				ask: func() func() {
					time.Sleep(900 * time.Millisecond)
					return func() { answered++ }
				},
				busy: func() { t.Errorf("the question %d is busy", i) },
			})
		}
		a.all(list)
		if answered != len(list) {
			t.Errorf("%d of %d have answered", answered, len(list))
		}
	})
}

// TestLook_Stuck: an arena that is stuck in growing is busy, and its owner, other writers and readers go on
// while somebody waits for its answer.
func TestLook_Stuck(t *testing.T) {
	s := newScene(t, "beside")
	a, err := arena.NewArena(arena.Options{Name: "stuck"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	stuck, release := make(chan bool), make(chan bool)
	var first atomic.Bool
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		// Files of trials, on other goroutines, are made longer, too, with a lock that all arenas take.
		if c == sys.CallFtruncate && bytes.Contains(debug.Stack(), []byte("(*Arena).Grow(")) && first.CompareAndSwap(false, true) {
			close(stuck)
			<-release
		}
		return 0
	})
	defer restore()
	grown := make(chan error)
	go func() { grown <- a.Grow(mib) }()
	<-stuck
	h := &handler{asking: asking{patience: time.Minute}}
	looking := make(chan *state)
	go func() { looking <- h.look(0) }()
	// The look comes to the stuck one sooner or later; none of this waits for it.
	for range 20 {
		if err := s.arena.Grow(s.arena.Cap() - s.arena.Len() + mib); err != nil {
			t.Fatal(err)
		}
		if err := s.arena.Read(func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		other, err := arena.NewArena(arena.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Free(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Alloc(0); err != nil {
			t.Fatal(err)
		}
	}
	impatient := &handler{asking: asking{patience: 20 * time.Millisecond}}
	busy := func(s *state) bool {
		for _, row := range s.Arenas {
			if row.Name == "stuck" {
				return row.Busy && row.Stats == arena.Stats{}
			}
		}
		return false
	}
	if !busy(impatient.look(0)) {
		t.Error("what is stuck is not busy")
	}
	close(release)
	if err := <-grown; err != nil {
		t.Error(err)
	}
	if busy(<-looking) {
		t.Error("who has waited sees it busy")
	}
}

// TestLook_Beside: looking beside everything that comes and goes is no race.
func TestLook_Beside(t *testing.T) {
	if testing.Short() && !testutil.Race {
		t.Skip("races are for the race detector")
	}
	h := Handler()
	done := make(chan bool)
	var all sync.WaitGroup
	for _, format := range []string{"json", "prometheus", "html"} {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					get(t, h, format)
				}
			}
		})
	}
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) { newScene(t, fmt.Sprintf("scene %d", i)) })
	}
	close(done)
	all.Wait()
}

// TestEvent: an event holds what it was made of, whatever that is.
func TestEvent(t *testing.T) {
	for _, text := range []string{"", "one", "two\nlines", "\r\rx", "a\r\nevent: b\ndata: c\n\nd", "\n"} {
		name, data, err := readEvent(bufio.NewReader(strings.NewReader(string(event("e", []byte(text))))))
		want := strings.TrimSuffix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
		if name != "e" || data != want || err != nil {
			t.Errorf("%q: %q with %q, %v", text, name, data, err)
		}
	}
	if _, _, err := readEvent(bufio.NewReader(strings.NewReader("x: y\n\n"))); err == nil || err == io.EOF {
		t.Error("the reader of the tests takes what is none")
	}
}
