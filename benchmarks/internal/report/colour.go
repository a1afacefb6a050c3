package report

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// A theme gives each colour for light and for dark surroundings. In a plot stand
// place holders, which become CSS variables.
type paint struct {
	name        string // of the CSS variable
	light, dark string
}

// The paints: those of text and lines, those of growarena, and those of others.
var (
	inks  = []paint{{"fg", "#1f2328", "#e6edf3"}, {"grid", "#d8dee4", "#30363d"}, {"muted", "#656d76", "#8b949e"}}
	warms = []paint{
		{"w0", "#d1242f", "#ff6b6b"}, {"w1", "#e16f24", "#ffa657"}, {"w2", "#bf8700", "#e3b341"},
		{"w3", "#a0446e", "#f778ba"}, {"w4", "#8b4513", "#d4a373"},
	}
	colds = []paint{
		{"c0", "#0969da", "#58a6ff"}, {"c1", "#1a7f37", "#3fb950"}, {"c2", "#8250df", "#bc8cff"},
		{"c3", "#0e7a83", "#39c5cf"}, {"c4", "#57606a", "#b1bac4"}, {"c5", "#4d7c0f", "#a3e635"},
		{"c6", "#3730a3", "#818cf8"}, {"c7", "#64748b", "#94a3b8"},
	}
)

// all returns the paints in the order of their place holders.
func paints() []paint {
	var all []paint
	all = append(all, inks...)
	all = append(all, warms...)
	return append(all, colds...)
}

// holder returns the place holder of paint i, a colour nobody uses.
func holder(i int) color.Color { return color.NRGBA{1, 2, uint8(i + 1), 255} }

var (
	ink   = holder(0)
	grid  = holder(1)
	muted = holder(2)
)

// withVariables puts CSS variables in the place of the place holders.
func withVariables(svg string) string {
	for i, p := range paints() {
		svg = strings.ReplaceAll(svg, fmt.Sprintf("#0102%02X", i+1), "var(--"+p.name+")")
	}
	return svg
}

// variables returns the CSS that defines the variables, for a selector.
func variables(selector string) string {
	var light, dark strings.Builder
	for _, p := range paints() {
		fmt.Fprintf(&light, "--%s:%s;", p.name, p.light)
		fmt.Fprintf(&dark, "--%s:%s;", p.name, p.dark)
	}
	return fmt.Sprintf("%s{--bg:#ffffff;%s}\n@media(prefers-color-scheme:dark){%s{--bg:#0d1117;%s}}\n", selector, light.String(), selector, dark.String())
}

// A look is how a contender's line is drawn.
type look struct {
	paint  int // index in paints
	dashes int // index in dashes
}

var dashes = [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 2, 2, 2}}

func (l look) color() color.Color { return holder(l.paint) }

// variable returns the CSS colour.
func (l look) variable() string { return "var(--" + paints()[l.paint].name + ")" }

// looks gives each name one look in all plots, and two that meet in a plot two
// different ones.
func looks(experiments []bench.Experiment) map[string]look {
	meets := map[string]map[string]bool{}
	var order []bench.Contender
	for _, e := range experiments {
		for _, c := range e.Contenders {
			if meets[c.Name] == nil {
				meets[c.Name] = map[string]bool{}
				order = append(order, c)
			}
			for _, other := range e.Contenders {
				meets[c.Name][other.Name] = true
			}
		}
	}
	all := map[string]look{}
	for i, c := range order {
		first, n := len(inks)+len(warms), len(colds)
		if c.Ours {
			first, n = len(inks), len(warms)
		}
		all[c.Name] = look{first + i%n, i / n % len(dashes)} // if none is free
	search:
		for d := range dashes {
			for p := range n {
				l, free := look{first + p, d}, true
				for other := range meets[c.Name] {
					if known, ok := all[other]; ok && known == l && other != c.Name {
						free = false
					}
				}
				if free {
					all[c.Name] = l
					break search
				}
			}
		}
	}
	return all
}
