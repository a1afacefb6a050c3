package bbolt

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// pkg is the package at the root of bbolt, as Linux on amd64 compiles it.
type pkg struct {
	files  map[string]*file
	common bool // Pages are of package internal/common (since 1.4).
	errs   []error
}

// file is one file, and what is to be changed in it.
type file struct {
	name  string
	fset  *token.FileSet
	tree  *ast.File
	text  []byte
	edits []edit
}

// edit replaces text[from:to].
type edit struct {
	from, to int
	text     string
}

// load parses what is in a folder.
func load(dir string) (*pkg, error) {
	for _, name := range []string{"db.go", "tx.go", "bolt_unix.go"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = "linux", "amd64", false
	found, err := ctx.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	if found.Name != "bbolt" {
		return nil, fmt.Errorf("it is package %s, want bbolt", found.Name)
	}
	p := &pkg{files: map[string]*file{}}
	for _, name := range found.GoFiles {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		f := &file{name: name, fset: token.NewFileSet(), text: text}
		if f.tree, err = parser.ParseFile(f.fset, name, text, parser.ParseComments); err != nil {
			return nil, err
		}
		p.files[name] = f
	}
	if p.files["bolt_unix.go"] == nil {
		return nil, errors.New("bolt_unix.go is not compiled on Linux")
	}
	p.common = slices.Contains(found.Imports, "go.etcd.io/bbolt/internal/common")
	return p, nil
}

// fail notes what is not as expected.
func (p *pkg) fail(format string, args ...any) { p.errs = append(p.errs, fmt.Errorf(format, args...)) }

func (p *pkg) err() error { return errors.Join(p.errs...) }

// offset returns where in the text pos is.
func (f *file) offset(pos token.Pos) int { return f.fset.Position(pos).Offset }

// replace notes that a node becomes text.
func (f *file) replace(n ast.Node, text string) {
	f.edits = append(f.edits, edit{f.offset(n.Pos()), f.offset(n.End()), text})
}

// insert notes that text goes to pos.
func (f *file) insert(pos token.Pos, text string) {
	f.edits = append(f.edits, edit{f.offset(pos), f.offset(pos), text})
}

// changed returns the files with edits, edited.
func (p *pkg) changed() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, f := range p.files {
		if len(f.edits) == 0 {
			continue
		}
		slices.SortFunc(f.edits, func(a, b edit) int { return b.from - a.from }) // The last one first.
		text := slices.Clone(f.text)
		for _, e := range f.edits {
			text = slices.Replace(text, e.from, e.to, []byte(e.text)...)
		}
		text, err := format.Source(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = text
	}
	return files, nil
}

// function finds a function by its full name, such as DB.mmap.
func (p *pkg) function(name string) (*file, *ast.FuncDecl) {
	for _, f := range p.files {
		for _, d := range f.tree.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && fullName(d) == name {
				return f, d
			}
		}
	}
	p.fail("there is no function %s", name)
	return nil, nil
}

// structure finds a type that is a struct.
func (p *pkg) structure(name string) (*file, *ast.StructType) {
	for _, f := range p.files {
		for _, d := range f.tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == name {
					if s, ok := t.Type.(*ast.StructType); ok {
						return f, s
					}
				}
			}
		}
	}
	p.fail("there is no struct %s", name)
	return nil, nil
}

// fullName is a function's name, and the type it is a method of before it.
func fullName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	return textOf(t) + "." + d.Name.Name
}

// textOf returns a node as gofmt has it, in one line.
func textOf(n ast.Node) string {
	var b bytes.Buffer
	_ = printer.Fprint(&b, token.NewFileSet(), n) // Never fails on a tree that was parsed.
	return strings.Join(strings.Fields(b.String()), " ")
}

// without returns a file without some functions, and without the imports that only they used.
func without(text []byte, functions ...string) ([]byte, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, "bolt_unix.go", text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	f := &file{fset: fset, tree: tree, text: text}
	p := &pkg{files: map[string]*file{"bolt_unix.go": f}}
	used := map[string]bool{}
	for _, d := range tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		switch {
		case !ok:
		case slices.Contains(functions, fullName(fn)):
			functions = slices.DeleteFunc(slices.Clone(functions), func(s string) bool { return s == fullName(fn) })
			f.replace(fn, "")
			if fn.Doc != nil {
				f.replace(fn.Doc, "")
			}
		default:
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					used[textOf(s.X)] = true
				}
				return true
			})
		}
	}
	if len(functions) > 0 {
		return nil, fmt.Errorf("bolt_unix.go lacks %v", functions)
	}
	for _, i := range tree.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		if !used[name] {
			f.replace(i, "")
		}
	}
	files, err := p.changed()
	if err != nil {
		return nil, err
	}
	return files["bolt_unix.go"], nil
}
