//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

// TestComplete: each exported function and method is in the table of operations
// or in the list of those that make no system call.
func TestComplete(t *testing.T) {
	exported := make(map[string]bool)
	for _, pkg := range []string{"addrspace", "arena", "follow", "pool", "shm", "slab", "stream"} {
		for _, name := range exportedFunctions(t, pkg) {
			exported[name] = true
		}
	}
	if len(exported) < 100 {
		t.Fatalf("found %d exported functions: that cannot be all", len(exported))
	}
	covered := make(map[string]bool)
	for _, o := range operations {
		for _, name := range o.covers {
			covered[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		switch _, quiet := silent[name]; {
		case covered[name] && quiet:
			t.Errorf("%s is in the table of operations and among those that make no system call", name)
		case !covered[name] && !quiet:
			t.Errorf("%s is new: if it makes system calls, add an operation to the table that covers it, otherwise a call of it to silent", name)
		}
	}
	for name := range covered {
		if !exported[name] {
			t.Errorf("an operation covers %s, which does not exist", name)
		}
	}
	for name := range silent {
		if !exported[name] {
			t.Errorf("silent has %s, which does not exist", name)
		}
	}
}

// TestSilent: what is said to make no system call makes none.
func TestSilent(t *testing.T) {
	testutil.NoLeaks(t, trim)
	w := newWorld(t)
	defer w.close(t)
	for name, f := range silent {
		if calls := testutil.CountCalls(func() { f(w) }); len(calls) > 0 {
			t.Errorf("%s makes system calls: %v", name, calls)
		}
	}
	// So that it does not pass for want of a hook.
	if calls := testutil.CountCalls(func() { must(t, w.pool.Trim()); w.arena.Stats() }); len(calls) == 0 {
		t.Error("Trim and Stats make no system calls either")
	}
}

// exportedFunctions returns the exported functions and the methods of exported
// types of a package at the module's root, with its name before.
func exportedFunctions(t *testing.T, pkg string) (names []string) {
	t.Helper()
	dir := filepath.Join("..", "..", pkg)
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.Name()), nil, 0)
		must(t, err)
		if parsed.Name.Name != pkg { // Of a generator.
			continue
		}
		for _, decl := range parsed.Decls {
			d, isFunc := decl.(*ast.FuncDecl)
			if !isFunc || !d.Name.IsExported() {
				continue
			}
			if d.Recv == nil {
				names = append(names, pkg+"."+d.Name.Name)
			} else if on := receiver(d); ast.IsExported(on) || on == "sequence" {
				on = strings.Replace(on, "sequence", "Stream", 1) // What a Stream has in common with others.
				names = append(names, pkg+"."+on+"."+d.Name.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names) // One for each operating system.
}

// receiver returns the name of the type that d is a method of.
func receiver(d *ast.FuncDecl) string {
	for expr := d.Recv.List[0].Type; ; {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr: // of a generic type
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}
