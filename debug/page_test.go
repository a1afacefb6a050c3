package debug

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
)

// node is an element that was parsed, with its text and that of all within it.
type node struct {
	name, text string
	attr       map[string]string
}

// parsePage parses HTML that is XML as well, but for elements that HTML closes by itself.
func parsePage(t *testing.T, page string) (all []*node) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, slices.DeleteFunc(slices.Clone(xml.HTMLAutoClose), func(s string) bool { return s == "p" }), xml.HTMLEntity
	var open []*node
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			all, open = append(all, n), append(open, n)
		case xml.EndElement:
			if last := open[len(open)-1]; last.name != token.Name.Local {
				t.Fatalf("</%s> ends <%s>", token.Name.Local, last.name)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			for _, n := range open {
				n.text += string(token)
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("<%s> has no end", open[len(open)-1].name)
	}
	return all
}

// TestPage: everything that lives is on the page, under names that remain text whatever they
// hold.
func TestPage(t *testing.T) {
	scene := newScene(t, hostile)
	w := get(t, Handler(), "html")
	policy := w.Header().Get("Content-Security-Policy")
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("its type is %s", got)
	}
	page := w.Body.String()
	if strings.Contains(page, "<script>alert") {
		t.Error("a name is a script")
	}
	all := parsePage(t, page)
	count := map[string]int{}
	var rows []string // by the heading before
	heading := ""
	for _, n := range all {
		count[n.name]++
		if n.name == "script" || n.name == "style" {
			if !strings.Contains(policy, fmt.Sprintf("%s-src 'nonce-%s'", n.name, n.attr["nonce"])) || n.attr["nonce"] == "" {
				t.Errorf("%q does not let <%s nonce=%q>", policy, n.name, n.attr["nonce"])
			}
		}
		for a := range n.attr {
			if strings.HasPrefix(a, "on") || a == "style" {
				t.Errorf("<%s> has %s: the policy forbids it", n.name, a)
			}
		}
		switch n.name {
		case "h2":
			heading = strings.Fields(n.text)[0]
		case "tr", "li", "p":
			rows = append(rows, heading+": "+n.text)
		}
	}
	if count["script"] != 1 || count["style"] != 1 || count["title"] < 2 {
		t.Errorf("elements: %v", count)
	}
	// A parser of HTML makes one line feed of CR LF, and the last byte is not UTF-8.
	name := strings.NewReplacer("\r\n", "\n", "\xff", "\ufffd").Replace(hostile)
	for _, want := range []struct {
		heading string
		has     []string
	}{
		{"Addresses", []string{"4.0 MiB"}},
		{"Arenas", []string{"arena ·", "1.0 MiB", "1 / 0 / 0 / 1", "retired by"}},
		{"Streams", []string{"3 072"}},
		{"Pools", []string{"4.9 KiB"}},
		{"Allocators", []string{"7.5 KiB", "60"}},
		{"Shared", []string{"9 B", "writes", "sealed"}},
		{"Shared", []string{"9 B", "writer live"}},
		{"Followers", []string{"1.0 MiB", "kept"}},
		{"Pins,", []string{"12 KiB", "pins that have held something for too long: 1"}},
	} {
		if !slices.ContainsFunc(rows, func(row string) bool {
			row = strings.ReplaceAll(row, "\u202f", " ")
			return strings.HasPrefix(row, want.heading) && strings.Contains(row, name) &&
				!slices.ContainsFunc(want.has, func(s string) bool { return !strings.Contains(row, s) })
		}) {
			t.Errorf("below %s is no row of the name with %q in\n%q", want.heading, want.has, rows)
		}
	}
	if has := slices.ContainsFunc(rows, func(row string) bool {
		return strings.HasPrefix(row, "Tracked: ") && strings.Contains(row, name) && strings.Contains(row, "1.0 MiB2 windows")
	}); has != scene.tracked {
		t.Errorf("below Tracked the arena is: %v, in\n%q", has, rows)
	}
	if has := slices.ContainsFunc(rows, func(row string) bool {
		return strings.HasPrefix(row, "Tracked: ") && strings.Contains(row, "1.0 MiB1 ranges") && strings.Contains(row, "1.0 MiB in all")
	}); has != scene.tracked {
		t.Errorf("below Tracked the tracker is: %v, in\n%q", has, rows)
	}
	if !strings.Contains(page, "debug.holdPin scene_test.go:") {
		t.Error("who pins is not there")
	}
}

// TestPage_Busy: what does not answer is on the page without figures.
func TestPage_Busy(t *testing.T) {
	s := &state{
		Arenas:  []arenaState{{thing: thing{label: label{"stuck arena", true}, Kind: "arena"}}},
		Slabs:   []slabState{{label: label{"stuck slab", true}}},
		Domains: []domainState{{label: label{"stuck domain", true}}},
		Spaces:  []spaceState{{label: label{"stuck space", true}}},
	}
	page := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(part("state", newPage(s))), "")
	for _, want := range []string{"stuck arena busy", "stuck slab busy", "stuck domain busy", "space stuck space"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	if _, err := parseMetrics(string(prometheus(s))); err != nil {
		t.Error(err)
	}
}

// TestPage_Many: a page has no more rows and tiles than one can look at, the largest, and says
// how many there are.
func TestPage_Many(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("the addresses of the test do not exist here")
	}
	s := &state{Spaces: make([]spaceState, 1)}
	for i := range 1000 {
		s.Arenas = append(s.Arenas, arenaState{thing: thing{label: label{Name: fmt.Sprintf("arena %d.", i)}, Kind: "arena"}})
		p := place{State: addrspace.PlaceHeld, Name: fmt.Sprintf("window %d.", i), Size: (1 + i) * mib}
		p.at.Start = uintptr(uint64(1+i) << 32)
		p.at.End = p.at.Start + uintptr(p.Size)
		s.Spaces[0].Places = append(s.Spaces[0].Places, p)
	}
	page := string(part("state", newPage(s)))
	for text, want := range map[string]bool{
		"arena 0.": true, "arena 99.": true, "arena 100.": false, "and 900 more": true,
		"window 600.": true, "window 599.": false, "window 999.": true, "and 600 smaller ones": true,
	} {
		if strings.Contains(page, text) != want {
			t.Errorf("%q is there: %v", text, !want)
		}
	}
	if len(s.Arenas) != 1000 {
		t.Error("making a page of it has changed the state")
	}
}

// TestMap: windows are where they lie, with the gaps between them.
func TestMap(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("the addresses of the test do not exist here")
	}
	between := func(start, end uint64) addrspace.Range {
		return addrspace.Range{Start: uintptr(start), End: uintptr(end)}
	}
	at := func(start, n uint64) place {
		return place{at: between(start, start+n), Size: int(n), Mapped: int(n / 2)}
	}
	const gib = uint64(1 << 30)
	s := &spaceState{
		zones: []addrspace.Range{between(100*gib, 200*gib), between(1<<40, 2<<40)}, Zones: make([]addresses, 2),
		Places: []place{at(100*gib, 10*gib), at(110*gib+gapMin, gib), at(199*gib, gib), at(300*gib, 2<<20)},
	}
	m := mapOf(s)
	if len(m.Strips) != 1 || len(m.Strips[0].Marks) != 3 || len(m.Tiles) != 4 {
		t.Fatalf("%+v", m)
	}
	for i, want := range []struct {
		x, width string
		gap      uint64
		class    int
	}{{"0.00", "100.00", 0, 9}, {"100.62", "10.00", gapMin, 7}, {"990.00", "10.00", 88*gib - gapMin, 7}, {"", "", 100 * gib, 3}} {
		if g := m.Tiles[i]; uint64(g.Gap) != want.gap || g.Class != want.class || g.Share != 50 {
			t.Errorf("tile %d: gap %d, class %d, %d %% mapped, want %+v", i, g.Gap, g.Class, g.Share, want)
		}
		if want.x == "" {
			continue
		}
		if k := m.Strips[0].Marks[i]; k.X != want.x || k.Width != want.width {
			t.Errorf("mark %d is at %s, %s wide, want %+v", i, k.X, k.Width, want)
		}
	}
}

// TestTexts: numbers as people read them.
func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		bytesText(0): "0 B", bytesText(1023): "1023 B", bytesText(1536): "1.5 KiB", bytesText(int64(12 << 20)): "12 MiB", bytesText(uint64(1) << 63): "8.0 EiB",
		countText(999): "999", countText(1000): "1\u202f000", countText(int64(1234567)): "1\u202f234\u202f567",
		fmt.Sprint(percent(1, 3)): "33.3", fmt.Sprint(percent(1, 0)): "0",
		tookText(1234567890): "1.23s", tookText(1234567): "1.23ms", tookText(1234): "1.2µs",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestRequests: what is not to be answered is an error that says what is.
func TestRequests(t *testing.T) {
	for _, test := range []struct {
		method, query string
		code          int
		says          string
	}{
		{"POST", "", http.StatusMethodNotAllowed, "GET"},
		{"GET", "?format=<b>", http.StatusBadRequest, "want html, json, prometheus or events"},
		{"HEAD", "?format=json", http.StatusOK, ""},
		{"HEAD", "?format=events", http.StatusOK, ""},
		{"GET", "", http.StatusOK, "growarena"},
	} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest(test.method, "/any/path"+test.query, nil))
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.says) || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: %d, %v\n%s", test.method, test.query, w.Code, w.Header(), w.Body)
		}
	}
}
