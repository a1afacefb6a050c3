package debug_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/debug"
)

// Serve it where net/http/pprof is served, at an address that is not for everybody.
func Example() {
	mux := http.NewServeMux()
	mux.Handle("/debug/growarena/", debug.Handler())
	server := &http.Server{Addr: "localhost:6060", Handler: mux}
	go func() { log.Print(server.ListenAndServe()) }()
}

// What Prometheus gets is text, too.
func ExampleHandler() {
	server := httptest.NewServer(debug.Handler())
	defer server.Close()
	a, err := arena.NewArena(arena.Options{Name: "log"})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Free()
	if _, err := a.Alloc(1 << 20); err != nil {
		log.Fatal(err)
	}
	resp, err := http.Get(server.URL + "?format=prometheus")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "growarena_length_bytes{") {
			fmt.Print(line)
		}
	}
	// Output: growarena_length_bytes{kind="arena",name="log"} 1.048576e+06
}
