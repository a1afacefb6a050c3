package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// A gap is statements in a row, in one function, that no test reaches.
type gap struct {
	file        string
	line, line2 int
	function    string // as pkg.Type.Method or pkg.Function
	text        string // the statements, in a line
	reason      string // why that is so; "" if nobody has said
}

// where returns the place of the gap.
func (g *gap) where() string {
	if g.line == g.line2 {
		return fmt.Sprintf("%s:%d", g.file, g.line)
	}
	return fmt.Sprintf("%s:%d-%d", g.file, g.line, g.line2)
}

// source is a parsed file.
type source struct {
	lines     []string
	functions []function
}

// A function is what a declaration spans.
type function struct {
	name        string
	line, line2 int
}

// readSource reads a file of the module.
func readSource(root, file string) (*source, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, 0)
	if err != nil {
		return nil, err
	}
	s := &source{lines: strings.Split(string(text), "\n")}
	for _, d := range parsed.Decls {
		name := parsed.Name.Name + "."
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				name += receiver(d.Recv.List[0].Type) + "."
			}
			name += d.Name.Name
		case *ast.GenDecl: // a function literal in a variable
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					s.functions = append(s.functions, function{name + v.Names[0].Name,
						set.Position(v.Pos()).Line, set.Position(v.End()).Line})
				}
			}
			continue
		}
		s.functions = append(s.functions, function{name, set.Position(d.Pos()).Line, set.Position(d.End()).Line})
	}
	return s, nil
}

// receiver returns the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// at returns the function that a line is in.
func (s *source) at(line int) string {
	for _, f := range s.functions {
		if f.line <= line && line <= f.line2 {
			return f.name
		}
	}
	return "?"
}

// statements returns the text of b without the braces around it.
func (s *source) statements(b *block) string {
	var parts []string
	for n := b.line; n <= b.line2; n++ {
		line := s.lines[n-1]
		if n == b.line2 {
			line = line[:min(b.col2-1, len(line))]
		}
		if n == b.line {
			line = line[min(b.col-1, len(line)):]
		}
		parts = append(parts, strings.Fields(line)...)
	}
	return strings.TrimSpace(strings.Trim(strings.Join(parts, " "), "{}"))
}

// findGaps returns what is not reached. Blocks that follow each other in one
// function are one gap.
func findGaps(root string, blocks []block) ([]gap, error) {
	sources := map[string]*source{}
	var gaps []gap
	follows := false // the last block was not reached either
	for i := range blocks {
		b := &blocks[i]
		if b.statements == 0 {
			continue
		}
		if b.reached {
			follows = false
			continue
		}
		s := sources[b.file]
		if s == nil {
			var err error
			if s, err = readSource(root, b.file); err != nil {
				return nil, err
			}
			sources[b.file] = s
		}
		if f := s.at(b.line); follows && gaps[len(gaps)-1].file == b.file && gaps[len(gaps)-1].function == f {
			last := &gaps[len(gaps)-1]
			last.line2 = max(last.line2, b.line2)
			last.text += " " + s.statements(b)
			continue
		}
		gaps = append(gaps, gap{file: b.file, line: b.line, line2: b.line2, function: s.at(b.line), text: s.statements(b)})
		follows = true
	}
	return gaps, nil
}
