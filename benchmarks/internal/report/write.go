package report

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Write writes report.html, report.md and the plots into a directory that exists.
func (r *Report) Write(dir string) error {
	sections := r.sections()
	for _, s := range sections {
		for _, p := range s.Charts {
			if err := os.WriteFile(filepath.Join(dir, p.File), []byte(standalone(p.SVG)), 0o644); err != nil {
				return err
			}
		}
	}
	for name, write := range map[string]func(io.Writer, []section) error{
		"report.md":   r.markdown,
		"report.html": r.html,
	} {
		var b bytes.Buffer
		if err := write(&b, sections); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// standalone gives a plot its own colours and ground.
func standalone(svg string) string {
	tag, rest, _ := strings.Cut(svg, ">")
	return tag + "><style>" + variables("svg") + `</style><rect width="100%" height="100%" style="fill:var(--bg)"/>` + rest
}
