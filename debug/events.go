package debug

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/growarena/growarena/internal/census"
)

const (
	// turn is how long an open page waits between two looks, at least.
	turn = time.Second

	// share is which part of the time all open pages together may look, at most.
	share = 50

	// batch is how long growth steps are gathered when some have just been sent.
	batch = 50 * time.Millisecond

	// streamsMax is how many pages may be open.
	streamsMax = 64

	// writeTime is how long a client may take to read an event.
	writeTime = 10 * time.Second
)

// streams are the pages that are open.
type streams struct {
	mu      sync.Mutex
	n       int                            // Protected by mu.
	servers map[*http.Server]chan struct{} // closed when it shuts down. Protected by mu.
}

// begin counts one more, and returns what is closed when its server shuts down; false if there
// are too many.
func (s *streams) begin(r *http.Request) (ended <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == streamsMax {
		return nil, false
	}
	s.n++
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if server == nil {
		return nil, true // The request's context has to do.
	}
	if s.servers[server] == nil {
		if s.servers == nil {
			s.servers = make(map[*http.Server]chan struct{})
		}
		done := make(chan struct{})
		s.servers[server] = done
		// Shutdown waits for requests under way, and would for this one.
		server.RegisterOnShutdown(func() { close(done) })
	}
	return s.servers[server], true
}

func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
}

// serveEvents sends an event "state" with each look and an event "steps" with growth steps, both
// as parts of the page, until the client goes or the server shuts down.
func (h *handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	ended, ok := h.streams.begin(r)
	if !ok {
		http.Error(w, "too many open pages: close one", http.StatusServiceUnavailable)
		return
	}
	defer h.streams.end()
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // A proxy is not to gather them.
	to := http.NewResponseController(w)
	if err := to.Flush(); errors.Is(err, http.ErrNotSupported) {
		http.Error(w, "what wraps the ResponseWriter of this program cannot flush: there are no events", http.StatusNotImplemented)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	send := func(name string, data any) bool {
		_ = to.SetWriteDeadline(time.Now().Add(writeTime)) // Where that is not supported it may take longer.
		_, err := w.Write(event(name, part(name, data)))
		return err == nil && to.Flush() == nil
	}
	watch := census.NewWatch()
	defer watch.End()
	next, gather := time.NewTimer(0), time.NewTimer(0)
	defer next.Stop()
	defer gather.Stop()
	var more <-chan struct{}
	for ok := true; ok; {
		select {
		case <-r.Context().Done():
			return
		case <-ended:
			return
		case <-gather.C:
			more = watch.More()
		case <-more:
			more = nil
			gather.Reset(batch)
			ok = send("steps", newSteps(watch.Take()))
		case <-next.C:
			s := h.look(turn / 2)
			ok = send("state", newPage(s))
			next.Reset(max(turn, share*s.Took))
		}
	}
}

// event returns an event of several lines. However they end, none of them becomes a field of
// its own.
func event(name string, data []byte) []byte {
	var b bytes.Buffer
	b.WriteString("event: " + name + "\n")
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
	for line := range strings.Lines(text) {
		b.WriteString("data: " + strings.TrimSuffix(line, "\n") + "\n")
	}
	b.WriteString("\n")
	return b.Bytes()
}
