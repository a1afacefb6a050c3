package report

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed report.html.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// html writes the report as a page that needs nothing else.
func (r *Report) html(w io.Writer, sections []section) error {
	type drawing struct {
		Title string
		SVG   template.HTML
	}
	type part struct {
		section
		Drawings []drawing
	}
	data := struct {
		Score, Setting string
		Lines          []line
		Parts          []part
		Variables      template.CSS
	}{Score: r.Score(), Setting: r.setting(), Variables: template.CSS(variables(":root"))}
	for _, v := range r.Verdicts {
		data.Lines = append(data.Lines, r.line(v))
	}
	for _, s := range sections {
		p := part{section: s}
		for _, c := range s.Charts {
			// Made by chart.svg, which escapes what it writes.
			p.Drawings = append(p.Drawings, drawing{c.Title, template.HTML(c.SVG)})
		}
		data.Parts = append(data.Parts, p)
	}
	return pageTemplate.Execute(w, data)
}
