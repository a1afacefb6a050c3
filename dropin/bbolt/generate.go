package bbolt

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Marker is a file that every copy has, and bbolt has not.
const Marker = "growarena_linux.go"

// Generate writes to dst, which must not exist, a copy of the bbolt in src with mappings
// that grow. The copy's go.mod requires the version of growarena that is given. An error
// says what in src is not as expected; dst then does not exist.
func Generate(src, dst, version string) (err error) {
	if _, err := os.Lstat(dst); err == nil {
		return fmt.Errorf("bbolt: %s exists: remove it, or choose another folder", dst)
	}
	files, err := transform(src, version)
	if err != nil {
		return fmt.Errorf("bbolt: %s is not a version that is known here: %w", src, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("bbolt: copy to %s: %w", dst, err)
			_ = os.RemoveAll(dst) // What is there is ours.
		}
	}()
	if err := os.CopyFS(dst, os.DirFS(src)); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dst, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// transform returns the files that are new or different, by name.
func transform(src, version string) (map[string][]byte, error) {
	p, err := load(src)
	if err != nil {
		return nil, err
	}
	if err := p.checkUses(); err != nil {
		return nil, err
	}
	p.change()
	if err := p.err(); err != nil {
		return nil, err
	}
	files, err := p.changed()
	if err != nil {
		return nil, err
	}
	names, err := p.splitByOS(files)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{Marker, "growarena_other.go"} {
		if files[name], err = render(name, names); err != nil {
			return nil, err
		}
	}
	mod, err := os.ReadFile(filepath.Join(src, "go.mod"))
	if err != nil {
		return nil, err
	}
	files["go.mod"] = fmt.Appendf(mod, "\nrequire github.com/growarena/growarena %s\n", version)
	return files, nil
}

// names are what differs between versions in the files that are added.
type names struct {
	Linux                  string // Build constraint.
	Import                 string // The package of the types below, if it is another one.
	Page, Pgid, MaxMapSize string
}

//go:embed templates
var templates embed.FS

// render returns a file that is added.
func render(name string, n names) ([]byte, error) {
	t, err := template.ParseFS(templates, "templates/"+name+".txt")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, n); err != nil {
		return nil, err
	}
	return format.Source(b.Bytes())
}

// splitByOS leaves what bbolt has for Unix to other systems than Linux, and adds a copy for
// Linux that lacks what growarena_linux.go has: mmap and munmap.
func (p *pkg) splitByOS(files map[string][]byte) (names, error) {
	f := p.files["bolt_unix.go"]
	const begin = "//go:build "
	line, _, _ := strings.Cut(string(f.text), "\n")
	at, ok := strings.CutPrefix(line, begin)
	if !ok {
		return names{}, fmt.Errorf("bolt_unix.go begins with %q, want a build constraint", line)
	}
	rest := f.text[f.offset(f.tree.Package):]
	n := names{Linux: "linux && " + at}
	files["bolt_unix.go"] = fmt.Appendf(nil, "%s!linux && %s\n\n%s", begin, at, rest)

	text, err := without(rest, "mmap", "munmap")
	if err != nil {
		return names{}, err
	}
	files["bolt_unix_linux.go"] = fmt.Appendf(nil, "%s%s\n\n%s", begin, n.Linux, text)

	n.Page, n.Pgid, n.MaxMapSize = "page", "pgid", "maxMapSize"
	if p.common {
		n.Import = "go.etcd.io/bbolt/internal/common"
		n.Page, n.Pgid, n.MaxMapSize = "common.Page", "common.Pgid", "common.MaxMapSize"
	}
	return n, nil
}
