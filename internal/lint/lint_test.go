package lint

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/growarena/growarena/"

// layers says what each package of the core module may import of it: layers
// import downwards only. Packages in nested modules are clients and may import
// everything.
var layers = map[string][]string{
	".":                    {"internal/census", "internal/pproto"},
	"internal/align":       {},
	"internal/census":      {},
	"internal/pproto":      {},
	"internal/invariants":  {},
	"internal/lint":        {},
	"internal/placement":   {},
	"internal/pointerfree": {},
	"internal/sys":         {},
	"internal/testutil":    {"internal/sys"},
	"internal/memfile":     {"internal/sys", "internal/align"},
	"internal/dirty":       {"internal/sys", "internal/align"},
	"track":                {"internal/census", "internal/dirty", "internal/sys"},
	"addrspace":            {"internal/census", "internal/dirty", "internal/sys", "internal/align", "internal/invariants", "internal/placement"},
	"epoch":                {"internal/census", "internal/invariants"},
	"internal/mapping":     {"addrspace", "epoch", "internal/census", "internal/memfile", "internal/sys", "internal/align"},
	"shm":                  {"stream", "follow", "arena", "addrspace", "epoch", "internal/census", "internal/memfile", "internal/sys", "internal/align", "internal/pointerfree"},
	"pool":                 {"arena", "addrspace", "internal/census", "internal/dirty", "internal/mapping", "internal/memfile", "internal/sys", "internal/align", "internal/invariants"},
	"follow":               {"arena", "addrspace", "epoch", "internal/census", "internal/mapping", "internal/memfile", "internal/sys", "internal/align"},
	"stream":               {"arena", "addrspace", "epoch", "internal/census", "internal/memfile", "internal/sys", "internal/align", "internal/pointerfree"},
	"internal/pageheap":    {"arena", "addrspace", "internal/census", "internal/memfile", "internal/sys", "internal/align"},
	"slab":                 {"internal/census", "internal/pproto", "internal/pageheap", "internal/memfile", "pool", "addrspace", "epoch", "internal/sys", "internal/align", "internal/invariants", "internal/pointerfree"},
	"debug":                {"slab", "shm", "stream", "pool", "follow", "arena", "track", "addrspace", "epoch", "internal/census", "internal/memfile"},
	"fuzz/conformance":     {},
	"fuzz/faults":          {},
	"fuzz/limits":          {},
	"fuzz":                 {"stream", "slab", "pool", "follow", "arena", "addrspace", "epoch", "internal/sys", "internal/testutil"},
	"fuzz/cmd/soak":        {"fuzz", "slab", "pool", "arena", "addrspace", "epoch", "internal/sys", "internal/testutil"},
	"fuzz/cmd/coverage":    {"fuzz/internal/reasons"},
	"fuzz/cmd/mutation":    {"fuzz/internal/reasons"},
	"fuzz/cmd/smoke":       {"slab", "pool", "arena", "epoch", "internal/testutil"},
	"arena":                {"addrspace", "epoch", "internal/census", "internal/dirty", "internal/mapping", "internal/memfile", "internal/sys", "internal/align", "internal/invariants", "internal/pointerfree"},
}

// lineLimit is how long a file may be before it is two.
const lineLimit = 300

// banned are texts that must not stand in code outside tests.
var banned = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`go:linkname`), "the runtime's internals are not ours: find a way with what it exports"},
	{regexp.MustCompile(`runtime\.SetFinalizer`), "use runtime.AddCleanup"},
	{regexp.MustCompile(`\batomic\.(Load|Store|Add|Swap|CompareAndSwap|And|Or)(Int|Uint|Pointer)`), "use the typed atomics (atomic.Int64 and so on)"},
	{regexp.MustCompile(`\bunix\.(Mmap|Munmap)\(`), "use package internal/sys: x/sys keeps a registry behind a lock for these"},
	{regexp.MustCompile(`\b(FIXME|TODO|XXX)\b`), "do it, or file an issue"},
	{libraryOnly, "a library does not log, print or exit: return an error or count it in Stats"},
}

// libraryOnly are texts that programs may have.
var libraryOnly = regexp.MustCompile(`\blog\.|\bos\.Exit\(|fmt\.Print`)

// file is one Go file of the core module.
type file struct {
	path string // from the root, with slashes
	dir  string // of path
	test bool   // or only used by tests
	text string
	ast  *ast.File
	set  *token.FileSet
}

func TestLint(t *testing.T) {
	files := load(t)
	unsafeFiles := map[string][]string{}
	for _, f := range files {
		for _, spec := range f.ast.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			f.checkImport(t, path)
			if path == "unsafe" && !f.test && f.dir != "internal/sys" {
				unsafeFiles[f.dir] = append(unsafeFiles[f.dir], f.path)
			}
		}
		if f.test {
			continue
		}
		if n := strings.Count(f.text, "\n"); n > lineLimit {
			t.Errorf("%s: has %d lines, more than %d: make it two files with a noun each", f.path, n, lineLimit)
		}
		for _, b := range banned {
			if b.pattern == libraryOnly && f.ast.Name.Name == "main" {
				continue
			}
			if at := b.pattern.FindStringIndex(f.text); at != nil {
				line := 1 + strings.Count(f.text[:at[0]], "\n")
				t.Errorf("%s:%d: %q: %s", f.path, line, f.text[at[0]:at[1]], b.instead)
			}
		}
		f.checkDocs(t)
	}
	for dir, paths := range unsafeFiles {
		if len(paths) > 1 {
			t.Errorf("%s: %d files import unsafe (%s): one per package", dir, len(paths), strings.Join(paths, ", "))
		}
	}
}

func (f *file) checkImport(t *testing.T, path string) {
	t.Helper()
	complain := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: imports %s: %s", f.path, path, fmt.Sprintf(format, args...))
	}
	switch {
	case path == "C":
		complain("no cgo here")
	case path == "unsafe":
		if !strings.HasSuffix(f.path, "_unsafe.go") && !f.test && f.dir != "internal/sys" {
			complain("unsafe belongs into the package's file *_unsafe.go, or internal/sys")
		}
	case path == "golang.org/x/sys/unix" || path == "syscall":
		if !f.test && f.dir != "internal/sys" {
			complain("system calls and errnos come from internal/sys")
		}
	case path == strings.TrimSuffix(module, "/"):
		if !f.test {
			complain("the front page stands on all others")
		}
	case strings.HasPrefix(path, module):
		allowed, known := layers[f.dir]
		if !known {
			complain("%s is in no layer: add it to the table in internal/lint", f.dir)
		}
		if !f.test && !slices.Contains(allowed, strings.TrimPrefix(path, module)) {
			complain("%s may import only %v: layers import downwards", f.dir, allowed)
		}
	case strings.Contains(path, "."):
		if path != "github.com/google/btree" {
			complain("the core depends on golang.org/x/sys and github.com/google/btree alone; the rest lives in nested modules")
		}
	}
}

// checkDocs checks that everything exported is documented. internal/sys has its
// stubs for other systems documented where the real functions are.
func (f *file) checkDocs(t *testing.T) {
	t.Helper()
	if f.path == "internal/sys/other.go" {
		return
	}
	complain := func(pos token.Pos, name string) {
		t.Helper()
		t.Errorf("%s: exported %s has no doc comment", f.set.Position(pos), name)
	}
	for _, decl := range f.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				complain(d.Pos(), d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						complain(s.Pos(), s.Name.Name)
					}
				case *ast.ValueSpec:
					if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						complain(s.Pos(), s.Names[0].Name)
					}
				}
			}
		}
	}
}

// exportedReceiver reports whether d is a function, or a method of an exported
// type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	name := ""
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return ast.IsExported(name)
}

// load parses every Go file of the core module: nested modules have their own
// rules.
func load(t *testing.T) []*file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var files []*file
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, &file{
			path: rel,
			dir:  filepath.ToSlash(filepath.Dir(rel)),
			test: strings.HasSuffix(rel, "_test.go") || strings.HasPrefix(rel, "internal/testutil/"),
			text: string(text),
			ast:  parsed,
			set:  set,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found %d files below %s: that cannot be all", len(files), root)
	}
	return files
}

// first is how many lines of go doc somebody new is shown at once.
const first = 40

// TestDocs: the comment of a package that users read has its parts in the order in which
// they ask, and tells within the first lines which type to take, how long a slice is valid,
// and what it costs, as a number.
func TestDocs(t *testing.T) {
	parts := []*regexp.Regexp{
		regexp.MustCompile(`(?m)^# When to use it, and when not$`),
		regexp.MustCompile(`(?m)^# Which (type|call|package) for which job$`),
		regexp.MustCompile(`(?m)^# When is an? \w+ valid\?$`),
		regexp.MustCompile(`(?m)^# What it costs$`),
	}
	found := 0
	for _, f := range load(t) {
		if !strings.HasSuffix(f.path, "doc.go") || f.ast.Doc == nil || strings.Contains(f.dir, "/") || f.dir == "fuzz" {
			continue
		}
		found++
		text, at := f.ast.Doc.Text(), 0
		for _, part := range parts {
			where := part.FindStringIndex(text[at:])
			if where == nil {
				t.Errorf("%s: no part %v, or not in its place", f.path, part)
				break
			}
			at += where[1]
		}
		shown := (&comment.Printer{}).Text(new(comment.Parser).Parse(text))
		lines := strings.SplitAfterN("package "+f.ast.Name.Name+"\n\n"+string(shown), "\n", first+1)
		top := strings.Join(lines[:min(len(lines)-1, first)], "")
		for _, part := range []*regexp.Regexp{parts[1], regexp.MustCompile(`(?m)^# When is an? \w+ valid\?\n\n.`), regexp.MustCompile(`[0-9] (ns|µs|ms|MiB)\b`)} {
			if !part.MatchString(top) {
				t.Errorf("%s: go doc shows no %v in its first %d lines", f.path, part, first)
			}
		}
	}
	if found != 11 {
		t.Errorf("%d package comments, want those of 10 packages and of the module", found)
	}
}
