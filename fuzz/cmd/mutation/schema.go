package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A change is one that gremlins makes: the operator with that number in a file becomes another.
type change struct {
	File string // base name
	Op   int    // as operators counts
	To   string
}

func (c change) String() string { return fmt.Sprintf("%s#%d%s", c.File, c.Op, c.To) }

// operators calls do for each operator of file in a fixed order, with its number.
func operators(file *ast.File, do func(n int, node ast.Node, op token.Token)) {
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		var op token.Token
		switch x := node.(type) {
		case *ast.BinaryExpr:
			op = x.Op
		case *ast.UnaryExpr:
			op = x.Op
		case *ast.IncDecStmt:
			op = x.Tok
		default:
			return true
		}
		do(n, node, op)
		n++
		return true
	})
}

// changed says which change makes one text of a file the other.
func changed(name string, before, after []byte) (change, bool) {
	var ops [2][]token.Token
	for i, text := range [][]byte{before, after} {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return change{}, false
		}
		operators(file, func(_ int, _ ast.Node, op token.Token) { ops[i] = append(ops[i], op) })
	}
	if len(ops[0]) != len(ops[1]) {
		return change{}, false
	}
	for i, op := range ops[0] {
		if op != ops[1][i] {
			return change{filepath.Base(name), i, ops[1][i].String()}, true
		}
	}
	return change{}, false
}

// schema is a package with all changes in it at once, of which an environment variable chooses
// one: it is compiled once (mutant schemata, Untch, Offutt and Harrold 1993).
type schema struct {
	files map[string]string // texts, by path
	ids   map[string]int    // of changes, from 1
}

// newSchema makes the schema of a package from its files; open opens the export data of imports.
func newSchema(path string, files []string, open func(string) (io.ReadCloser, error)) (*schema, error) {
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range files {
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", open)}
	if _, err := config.Check(path, set, parsed, info); err != nil {
		return nil, err
	}
	s := &schema{files: map[string]string{}, ids: map[string]int{}}
	for i, file := range parsed {
		text, err := os.ReadFile(files[i])
		if err != nil {
			return nil, err
		}
		e := &editor{
			schema: s, name: filepath.Base(files[i]), info: info,
			at: func(p token.Pos) int { return set.Position(p).Offset },
		}
		operators(file, e.edit)
		s.files[files[i]] = e.apply(string(text))
	}
	s.files[filepath.Join(filepath.Dir(files[0]), "mutation_schema.go")] = "package " + parsed[0].Name.Name + helpers
	return s, nil
}

// An editor puts the changes into one file; what stands on a line stays there.
type editor struct {
	*schema
	name  string
	info  *types.Info
	at    func(token.Pos) int
	edits []edit
}

// An edit replaces text. At one offset closing parentheses of inner expressions come first, then
// opening ones of outer expressions.
type edit struct {
	from, to, order, depth int
	text                   string
}

// id gives a change its number.
func (e *editor) id(op int, to token.Token) int {
	c := change{e.name, op, to.String()}.String()
	if e.ids[c] == 0 {
		e.ids[c] = len(e.ids) + 1
	}
	return e.ids[c]
}

// around puts text before, after, and instead of the operator between (if that is not "").
func (e *editor) around(n int, node ast.Node, before string, op token.Pos, width int, between, after string) {
	e.edits = append(e.edits, edit{e.at(node.Pos()), e.at(node.Pos()), 1, n, before}, edit{e.at(node.End()), e.at(node.End()), 0, -n, after})
	if between != "" {
		e.edits = append(e.edits, edit{e.at(op), e.at(op) + width, 2, 0, between})
	}
}

var (
	opposite = map[token.Token]token.Token{
		token.EQL: token.NEQ, token.NEQ: token.EQL,
		token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
	}
	boundary = map[token.Token]token.Token{
		token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	}
	inverse = map[token.Token]token.Token{
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	}
	functions = map[token.Token]string{
		token.LSS: "mutationLess", token.LEQ: "mutationLessEqual", token.GTR: "mutationGreater", token.GEQ: "mutationGreaterEqual",
		token.ADD: "mutationAdd", token.SUB: "mutationSubtract", token.MUL: "mutationMultiply", token.QUO: "mutationDivide",
		token.REM: "mutationRemainder",
	}
)

// edit puts the changes of one operator in. Those of constants cannot be: gremlins tries them by
// compiling.
func (e *editor) edit(n int, node ast.Node, op token.Token) {
	switch x := node.(type) {
	case *ast.IncDecStmt:
		to := token.DEC
		if op == token.DEC {
			to = token.INC
		}
		if t := e.argument(x.X); t != "" {
			sign := map[token.Token]string{token.INC: "+", token.DEC: "-"}[op]
			e.edits = append(e.edits, edit{e.at(x.TokPos), e.at(x.TokPos) + 2, 2, 0,
				fmt.Sprintf(" %s= mutationOne%s(%d)", sign, t, e.id(n, to))})
		}
	case *ast.UnaryExpr:
		if op == token.SUB && e.info.Types[x].Value == nil {
			e.around(n, x, "mutationNegative"+e.argument(x)+fmt.Sprintf("(%d, ", e.id(n, token.ADD)), x.OpPos, 1, " ", ")")
		}
	case *ast.BinaryExpr:
		switch {
		case e.info.Types[x].Value != nil:
		case op == token.EQL || op == token.NEQ:
			e.around(n, x, "((", 0, 0, "", fmt.Sprintf(") != mutationIs(%d))", e.id(n, opposite[op])))
		case boundary[op] != 0:
			e.around(n, x, fmt.Sprintf("%s%s(%d, %d, ", functions[op], e.argument(x.X), e.id(n, opposite[op]), e.id(n, boundary[op])),
				x.OpPos, len(op.String()), ",", ")")
		case inverse[op] != 0 && !isString(e.info.Types[x].Type):
			e.around(n, x, fmt.Sprintf("%s%s(%d, ", functions[op], e.argument(x), e.id(n, inverse[op])), x.OpPos, len(op.String()), ",", ")")
		}
	}
}

// argument is the type of x as a type argument where it has a name that nothing hides; else ""
// leaves it to the compiler.
func (e *editor) argument(x ast.Expr) string {
	if t, ok := e.info.Types[x].Type.(*types.Basic); ok && t.Info()&types.IsUntyped == 0 {
		return "[" + t.Name() + "]"
	}
	return ""
}

func isString(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

// apply makes the edits.
func (e *editor) apply(text string) string {
	slices.SortStableFunc(e.edits, func(a, b edit) int {
		return cmp.Or(a.from-b.from, a.order-b.order, a.depth-b.depth)
	})
	var out strings.Builder
	last := 0
	for _, d := range e.edits {
		out.WriteString(text[last:d.from] + d.text)
		last = d.to
	}
	return out.String() + text[last:]
}
