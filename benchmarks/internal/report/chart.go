package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A chart is a plot before it is drawn.
type chart struct {
	title          string
	xTitle, yTitle string
	xUnit, yUnit   string
	logX, logY     bool
	xTicks         ticks // nil: by unit
	dots           bool  // mark the points
	series         []series
	rows           bool // the series have one point each, in rows of their own
}

// A series is what one contender gives to a chart.
type series struct {
	name   string
	look   look
	ours   bool
	points plotter.XYs
	low    []float64 // of Y (of X in a chart of rows), for whiskers; may be nil
	high   []float64
	value  string // beside a row
}

const (
	chartWidth = 640
	labelWidth = 175
	fontSize   = 10
)

// svg draws the chart.
func (c chart) svg() string {
	height := vg.Length(max(300, 14*len(c.series)+80))
	if c.rows {
		height = vg.Length(20*len(c.series) + 60)
	}
	canvas := vgsvg.New(chartWidth, height)
	dc := draw.New(canvas)
	if c.rows {
		c.drawRows(dc)
	} else {
		c.drawLines(dc)
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		panic(fmt.Sprintf("report: BUG: a plot that cannot be written to memory: %v", err))
	}
	return clean(b.String(), c.title)
}

var (
	svgTag     = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	fontFamily = regexp.MustCompile(`font-family:[^;"]*`)
)

// clean makes of what vgsvg writes something for a page: variables for colours,
// the page's fonts, a size that follows the page's.
func clean(svg, title string) string {
	width, height := chartWidth, 0
	if _, after, ok := strings.Cut(svg, `viewBox="`); ok {
		var w, h float64
		fmt.Sscanf(after, "0 0 %f %f", &w, &h)
		width, height = int(w), int(math.Ceil(h))
	}
	svg = svgTag.ReplaceAllLiteralString(svg, fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, escape(title)))
	svg = fontFamily.ReplaceAllLiteralString(svg, "font-family:system-ui,'Liberation Sans',Arial,sans-serif")
	return withVariables(svg)
}

// newPlot returns an empty plot in our colours.
func newPlot(xTitle, yTitle string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color, a.Label.TextStyle.Color, a.Tick.Label.Color = muted, muted, ink, ink
		for _, f := range []*font.Font{&a.Label.TextStyle.Font, &a.Tick.Label.Font} {
			f.Size, f.Variant = fontSize, "Sans"
		}
		a.Tick.Length, a.Padding = 3, 2
	}
	p.X.Label.Text, p.Y.Label.Text = xTitle, yTitle
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = grid, grid
	g.Vertical.Width, g.Horizontal.Width = 0.5, 0.5
	p.Add(g)
	return p
}

// style returns a text style for direct labels.
func style(c color.Color, bold bool) text.Style {
	f := font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans", Size: fontSize}
	if bold {
		f.Weight = 2 // as of golang.org/x/image/font
	}
	return text.Style{Color: c, Font: f, Handler: plot.DefaultTextHandler, YAlign: draw.YCenter}
}

// extent returns the least and the most of f over all points, positive ones only if log.
func (c chart) extent(log bool, f func(s series, i int) []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range c.series {
		for i := range s.points {
			for _, v := range f(s, i) {
				if !log || v > 0 {
					lo, hi = min(lo, v), max(hi, v)
				}
			}
		}
	}
	if hi < lo {
		return 1, 2
	}
	return lo, hi
}

func (c chart) drawLines(dc draw.Canvas) {
	p := newPlot(c.xTitle, c.yTitle)
	xs := func(s series, i int) []float64 { return []float64{s.points[i].X} }
	ys := func(s series, i int) []float64 {
		if s.low == nil {
			return []float64{s.points[i].Y}
		}
		return []float64{s.points[i].Y, s.low[i], s.high[i]}
	}
	xlo, xhi := c.extent(c.logX, xs)
	ylo, yhi := c.extent(c.logY, ys)
	setAxis(&p.X, c.logX, xlo, xhi, c.xUnit)
	setAxis(&p.Y, c.logY, ylo, yhi, c.yUnit)
	if c.xTicks != nil {
		p.X.Tick.Marker = c.xTicks
	}
	for _, s := range drawOrder(c.series) {
		c.addLine(p, s)
	}
	area := draw.Crop(dc, 2, -labelWidth, 2, -6)
	p.Draw(area)
	data := p.DataCanvas(area)
	toX, toY := p.Transforms(&data)
	label(dc, data, c.series, func(s series) vg.Point {
		last := s.points[len(s.points)-1]
		return vg.Point{X: toX(last.X), Y: toY(c.clampY(last.Y, p.Y.Min))}
	})
}

// clampY keeps what a logarithmic axis cannot show at its lower end.
func (c chart) clampY(v, lo float64) float64 {
	if c.logY {
		return max(v, lo)
	}
	return v
}

func setAxis(a *plot.Axis, log bool, lo, hi float64, unit string) {
	if log {
		a.Min, a.Max = logRange(lo, hi)
		a.Scale, a.Tick.Marker = plot.LogScale{}, logTicks{unit}
		return
	}
	a.Min, a.Max = min(lo, 0), hi*1.03
	a.Tick.Marker = linearTicks{unit}
}

// drawOrder has ours last, on top.
func drawOrder(all []series) []series {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b series) int {
		switch {
		case a.ours == b.ours:
			return 0
		case b.ours:
			return -1
		}
		return 1
	})
	return all
}

func (c chart) addLine(p *plot.Plot, s series) {
	points := slices.Clone(s.points)
	for i := range points {
		points[i].Y = c.clampY(points[i].Y, p.Y.Min)
	}
	l := &plotter.Line{XYs: points, LineStyle: draw.LineStyle{Color: s.look.color(), Width: 1.3, Dashes: dashes[s.look.dashes]}}
	if s.ours {
		l.Width = 2.4
	}
	p.Add(l)
	if c.dots {
		radius := vg.Length(2)
		if s.ours {
			radius = 3
		}
		p.Add(&plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{Color: s.look.color(), Radius: radius, Shape: draw.CircleGlyph{}}})
	}
	for i := range s.low {
		p.Add(whisker(s, plotter.XYs{{X: points[i].X, Y: c.clampY(s.low[i], p.Y.Min)}, {X: points[i].X, Y: c.clampY(s.high[i], p.Y.Min)}}))
	}
}

func whisker(s series, ends plotter.XYs) *plotter.Line {
	return &plotter.Line{XYs: ends, LineStyle: draw.LineStyle{Color: s.look.color(), Width: 0.8}}
}

// label writes the names of the series to the right of where they end, moved up
// and down so that none covers another, with a thin line from the end to the name.
func label(dc draw.Canvas, data draw.Canvas, all []series, end func(series) vg.Point) {
	type tag struct {
		series
		end vg.Point
		y   vg.Length
	}
	tags := make([]tag, len(all))
	for i, s := range all {
		tags[i] = tag{series: s, end: end(s)}
	}
	slices.SortStableFunc(tags, func(a, b tag) int {
		switch {
		case a.end.Y < b.end.Y:
			return -1
		case a.end.Y > b.end.Y:
			return 1
		}
		return 0
	})
	const gap = 13
	at := data.Min.Y - gap/2
	for i := range tags { // upwards, each above the one before
		at = max(at+gap, tags[i].end.Y)
		tags[i].y = at
	}
	top := data.Max.Y
	for i := len(tags) - 1; i >= 0; i-- { // and down again where that went too far
		tags[i].y = min(tags[i].y, top)
		top = tags[i].y - gap
	}
	right := data.Max.X
	for _, t := range tags {
		line := draw.LineStyle{Color: t.look.color(), Width: 0.5}
		dc.StrokeLines(line, []vg.Point{{X: min(t.end.X, right), Y: t.end.Y}, {X: right + 4, Y: t.end.Y}, {X: right + 16, Y: t.y}})
		dc.FillText(style(t.look.color(), t.ours), vg.Point{X: right + 19, Y: t.y}, t.name)
	}
}

// drawRows draws a chart whose series have one point each: X is the value.
func (c chart) drawRows(dc draw.Canvas) {
	p := newPlot(c.xTitle, "")
	xs := func(s series, i int) []float64 { return []float64{s.points[i].X, s.low[i], s.high[i]} }
	lo, hi := c.extent(c.logX, xs)
	setAxis(&p.X, c.logX, lo, hi, c.xUnit)
	p.Y.Min, p.Y.Max = -0.6, float64(len(c.series))-0.4
	p.Y.Tick.Marker = ticks{}
	p.Y.LineStyle.Width = 0
	at := func(i int) float64 { return float64(len(c.series) - 1 - i) }
	for i, s := range c.series {
		radius, x := vg.Length(3), s.points[0].X
		if s.ours {
			radius = 4.5
		}
		if c.logX {
			x = max(x, p.X.Min)
		}
		p.Add(whisker(s, plotter.XYs{{X: max(s.low[0], p.X.Min), Y: at(i)}, {X: s.high[0], Y: at(i)}}))
		p.Add(&plotter.Scatter{XYs: plotter.XYs{{X: x, Y: at(i)}}, GlyphStyle: draw.GlyphStyle{Color: s.look.color(), Radius: radius, Shape: draw.CircleGlyph{}}})
	}
	const valueWidth = 75
	area := draw.Crop(dc, labelWidth, -valueWidth, 2, -4)
	p.Draw(area)
	data := p.DataCanvas(area)
	_, toY := p.Transforms(&data)
	for i, s := range c.series {
		name := style(s.look.color(), s.ours)
		name.XAlign = draw.XRight
		dc.FillText(name, vg.Point{X: labelWidth - 6, Y: toY(at(i))}, s.name)
		dc.FillText(style(ink, s.ours), vg.Point{X: data.Max.X + 8, Y: toY(at(i))}, s.value)
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
