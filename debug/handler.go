package debug

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// handler is what Handler returns.
type handler struct {
	asking asking

	mu   sync.Mutex // Held by who looks.
	last *state     // what was found last. Protected by mu.

	streams streams
}

// Handler returns a handler of what growarena does in this process; see the package comment for
// the formats it serves. It answers GET and HEAD, whatever the path.
//
// A page that is open, and ?format=events, last until the client goes, the handler's server
// is shut down, or nothing can be written to the client for ten seconds.
func Handler() http.Handler {
	return &handler{asking: asking{patience: patience}}
}

// formats are what can be asked for.
var formats = map[string]func(h *handler, w http.ResponseWriter, r *http.Request){
	"":           (*handler).servePage,
	"html":       (*handler).servePage,
	"json":       (*handler).serveJSON,
	"prometheus": (*handler).servePrometheus,
	"events":     (*handler).serveEvents,
}

// ServeHTTP answers a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	format := r.URL.Query().Get("format")
	serve := formats[format]
	if serve == nil {
		http.Error(w, fmt.Sprintf("there is no format %q: want html, json, prometheus or events", format), http.StatusBadRequest)
		return
	}
	serve(h, w, r)
}

// look looks, or returns what was found last if that is not older than age.
func (h *handler) look(age time.Duration) *state {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil || age == 0 || time.Since(h.last.Time) > age {
		h.last = look(&h.asking)
	}
	return h.last
}

func (h *handler) serveJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "\t")
	_ = out.Encode(h.look(0)) // An error is the client's, who has gone.
}

func (h *handler) servePrometheus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(prometheus(h.look(0))) // As above.
}
