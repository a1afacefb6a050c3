package debug

import (
	"bytes"
	"cmp"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"math/bits"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/census"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// rowsMax is how many rows of a table are on the page, tilesMax how many places on the map: those
// that take most. The other formats have all.
const (
	rowsMax  = 100
	tilesMax = 400
)

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"bytes": bytesText, "count": countText, "took": tookText, "percent": percent, "add": func(a, b int) int { return a + b },
}).Parse(pageText))

// page is what the templates get.
type page struct {
	*state
	Nonce  string // of style and script, which alone are allowed
	Style  template.CSS
	Script template.JS
	Maps   []addressMap
	More   map[string]int // rows that a table does not have, by list
}

// newPage returns the page of s, which stays as it is.
func newPage(s *state) page {
	short := *s
	p := page{state: &short, More: make(map[string]int)}
	for i := range s.Spaces {
		p.Maps = append(p.Maps, mapOf(&s.Spaces[i]))
	}
	cut(&p, "arenas", &short.Arenas)
	cut(&p, "streams", &short.Streams)
	cut(&p, "pools", &short.Pools)
	cut(&p, "slabs", &short.Slabs)
	cut(&p, "followers", &short.Followers)
	cut(&p, "writers", &short.ShmWriters)
	cut(&p, "shared", &short.ShmFollowers)
	cut(&p, "trackers", &short.Trackers)
	cut(&p, "domains", &short.Domains)
	return p
}

// cut leaves the first rows of a list on the page.
func cut[R any](p *page, name string, list *[]R) {
	if n := len(*list) - rowsMax; n > 0 {
		*list, p.More[name] = (*list)[:rowsMax], n
	}
}

func (h *handler) servePage(w http.ResponseWriter, _ *http.Request) {
	p := newPage(h.look(0))
	p.Nonce, p.Style, p.Script = rand.Text(), template.CSS(pageStyle), template.JS(pageScript)
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"style-src 'nonce-"+p.Nonce+"'; script-src 'nonce-"+p.Nonce+"'")
	header.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(part("page", p)) // An error is the client's, who has gone.
}

// part executes one of the templates, which are ours. Names may hold anything, a page only UTF-8.
func part(name string, data any) []byte {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		panic(fmt.Sprintf("debug: BUG: template %q: %v", name, err))
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("\ufffd"))
}

// steps are growth steps, the newest first.
type steps struct {
	Steps []census.Step
	Lost  int
}

// newSteps takes over what Watch.Take returns.
func newSteps(list []census.Step, lost int) steps {
	slices.Reverse(list)
	return steps{list, lost}
}

// addressMap shows the places of a space.
type addressMap struct {
	*spaceState
	Strips []strip // where they lie in the zones, true to scale
	Tiles  []tile  // one beside the other, with gaps folded
	Hidden int     // places without a tile
	Bytes  int     // of them
}

// strip is a zone, and what lies in it.
type strip struct {
	addresses
	Marks []mark
}

// mark is a place in a strip; a strip is 1000 wide.
type mark struct {
	X, Width string
	place
}

// tile is a place and the gap before it.
type tile struct {
	place
	Gap   int // bytes; 0 is none worth telling
	Class int // 1 to 12, by the logarithm of the size
	Share int // of it that is mapped, in percent
}

// gapMin is the least gap that is shown: windows have smaller ones between them.
const gapMin = 64 << 20

func mapOf(s *spaceState) addressMap {
	m := addressMap{spaceState: s}
	shown := s.Places
	if len(shown) > tilesMax {
		shown = slices.Clone(shown)
		slices.SortStableFunc(shown, func(a, b place) int { return cmp.Compare(b.Size, a.Size) })
		for _, p := range shown[tilesMax:] {
			m.Hidden++
			m.Bytes += p.Size
		}
		shown = shown[:tilesMax]
		slices.SortFunc(shown, func(a, b place) int { return cmp.Compare(a.at.Start, b.at.Start) })
	}
	end := uintptr(0)
	for _, p := range shown {
		t := tile{place: p, Class: min(max((bits.Len(uint(p.Size))-16)/2, 1), 12), Share: int(percent(p.Mapped, p.Size))}
		if gap := p.at.Start - end; end > 0 && gap >= gapMin {
			t.Gap = int(gap)
		}
		m.Tiles, end = append(m.Tiles, t), p.at.End
	}
	for i, z := range s.zones {
		t := strip{addresses: s.Zones[i]}
		for _, p := range shown {
			if z.Overlaps(p.at) {
				t.Marks = append(t.Marks, markOf(z, p))
			}
		}
		if len(t.Marks) > 0 {
			m.Strips = append(m.Strips, t)
		}
	}
	return m
}

// markOf returns where p lies in z. The smallest is wide enough to be seen.
func markOf(z addrspace.Range, p place) mark {
	const width, least = 1000, 2
	scale := width / float64(z.Len())
	x := float64(max(p.at.Start, z.Start)-z.Start) * scale
	w := max(float64(p.at.Len())*scale, least)
	text := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
	return mark{text(min(x, width-least)), text(w), p}
}

// percent returns which part of whole a part is.
func percent(part, whole int) float64 {
	if whole <= 0 {
		return 0
	}
	return math.Round(1000*float64(part)/float64(whole)) / 10
}

// bytesText returns a size with three digits or so.
func bytesText(n any) string {
	size, _ := strconv.ParseFloat(fmt.Sprint(n), 64)
	unit := 0
	for ; size >= 1024 && unit < 6; unit++ {
		size /= 1024
	}
	digits := 0
	if unit > 0 && size < 10 {
		digits = 1
	}
	return strconv.FormatFloat(size, 'f', digits, 64) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}[unit]
}

// countText returns a number with its digits in groups of three.
func countText(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// tookText returns a duration with three digits or so.
func tookText(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}
