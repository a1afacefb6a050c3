package bbolt

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// uses says which functions may use what the change gives another meaning to, and, where
// that matters, how often (0 means any number). They were read in 1.3.11, 1.4.3
// and 1.5.0. A version in which anybody else uses it has to be read first.
var uses = map[string]map[string]int{
	// Held by read transactions until they end, and by Close. No longer by DB.mmap.
	"db.mmaplock": {"DB.Close": 2, "DB.mmap": 2, "DB.beginTx": 3, "DB.removeTx": 1},
	// Taken by DB.mmap now: nobody who holds it may get there.
	"db.metalock": {"DB.Close": 2, "DB.beginTx": 0, "DB.beginRWTx": 2, "DB.removeTx": 2, "Tx.writeMeta": 0},
	// The newest mapping: of who writes, or holds the lock of the meta pages. DB.Info has
	// no lock in bbolt either.
	"db.data": {
		"mmap": 0, "munmap": 0, "DB.invalidate": 0, "DB.beginTx": 1, "DB.beginRWTx": 1,
		"DB.Info": 0, "DB.page": 1, "Tx.rollback": 1,
	},
	"db.dataref": {"mmap": 0, "munmap": 0, "DB.invalidate": 0, "mlock": 0, "munlock": 0},
	"db.datasz": {
		"mmap": 0, "munmap": 0, "DB.invalidate": 0, "mlock": 0, "munlock": 0, "DB.munmap": 0,
		"DB.mlock": 0, "DB.munlock": 0, "DB.allocate": 0, "DB.grow": 0,
	},
	"db.meta0":    {"DB.mmap": 0, "DB.invalidate": 0, "DB.meta": 0},
	"db.meta1":    {"DB.mmap": 0, "DB.invalidate": 0, "DB.meta": 0},
	"db.page":     {"DB.mmap": 2, "DB.loadFreelist": 1, "Tx.Commit": 1, "Tx.rollback": 1, "Tx.page": 1, "Tx.Page": 1},
	"db.meta":     {"DB.loadFreelist": 1, "DB.hasSyncedFreelist": 1, "DB.freepages": 1, "Tx.init": 1, "Tx.rollback": 1},
	"db.mmap":     {"Open": 1, "DB.allocate": 1},
	"db.munmap":   {"DB.mmap": 2, "DB.close": 1},
	"db.removeTx": {"Tx.close": 1},
	"tx.init":     {"DB.beginTx": 1, "DB.beginRWTx": 1},
	"mmap":        {"DB.mmap": 1},
	"munmap":      {"DB.munmap": 1},
}

// checkUses compares what is used where with what is known.
func (p *pkg) checkUses() error {
	got := map[string]map[string]int{}
	for what := range uses {
		got[what] = map[string]int{}
	}
	for _, f := range p.files {
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if what := used(n); got[what] != nil {
					got[what][fullName(fn)]++
				}
				return true
			})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(uses)) {
		for _, where := range slices.Sorted(maps.Keys(got[what])) {
			n, known := uses[what][where]
			if have := got[what][where]; !known || n != 0 && n != have {
				p.fail("%s uses %s in %d places, which no version did that is known", where, what, have)
			}
		}
		for _, where := range slices.Sorted(maps.Keys(uses[what])) {
			if n := uses[what][where]; n != 0 && got[what][where] == 0 {
				p.fail("%s does not use %s any more", where, what)
			}
		}
	}
	return p.err()
}

// used returns what a node uses, as the table has it: a field or method of a database or
// transaction, by the names that bbolt gives to all its variables of these types, or a function.
func used(n ast.Node) string {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		switch x := textOf(n.X); {
		case x == "db" || strings.HasSuffix(x, ".db"):
			return "db." + n.Sel.Name
		case (x == "t" || x == "tx") && n.Sel.Name == "init":
			return "tx.init"
		}
	case *ast.CallExpr:
		if i, ok := n.Fun.(*ast.Ident); ok {
			return i.Name
		}
	}
	return ""
}

// change notes every edit.
func (p *pkg) change() {
	p.addField("DB", "growing dbMapping // How the file is mapped.")
	p.addField("Tx", "held txMapping // The mappings that it may still read.")

	if f, d := p.function("Tx.init"); d != nil {
		f.insert(d.Body.Rbrace, "\ntx.pin()\n")
	}
	if f, d := p.function("Tx.close"); d != nil {
		if p.want("Tx.close", d, 0, "if tx.db == nil { return }") {
			f.insert(d.Body.List[0].End(), "\ntx.unpin()\n")
		}
	}
	for _, name := range []string{"Tx.page", "Tx.Page"} {
		if f, d := p.function(name); d != nil {
			p.replaceAll(f, d, "tx.db.page", "tx.mapped", 1)
		}
	}
	p.changeMmap()
}

// changeMmap changes DB.mmap: its lock, and that it leaves what is mapped.
func (p *pkg) changeMmap() {
	f, d := p.function("DB.mmap")
	if d == nil ||
		!p.want("DB.mmap", d, 0, "db.mmaplock.Lock()") ||
		!p.want("DB.mmap", d, 1, "defer db.mmaplock.Unlock()") {
		return
	}
	f.replace(d.Body.List[0], "db.lockMapping()")
	f.replace(d.Body.List[1], "defer db.unlockMapping()")
	var left, mapped, pinned int // Which statements do it.
	for i, s := range d.Body.List {
		switch text := textOf(s); {
		case text == "if err = db.munmap(); err != nil { return err }":
			left = i
			f.replace(s, "if err = db.leaveMapping(); err != nil { return err }")
		case strings.HasPrefix(text, "if err = mmap(db, size); err != nil {"):
			mapped = i
		case strings.HasPrefix(text, "db.meta1 = db.page(1)."):
			pinned = i
			f.insert(s.End(), "\nif db.rwtx != nil {\ndb.rwtx.pin() // It goes on with the new mapping.\n}\n")
		}
	}
	if left == 0 || mapped <= left || pinned <= mapped {
		p.fail("DB.mmap does not unmap, map and keep the meta pages in this order: statements %d, %d, %d", left, mapped, pinned)
	}
}

// addField adds a field to a struct.
func (p *pkg) addField(name, field string) {
	if f, s := p.structure(name); s != nil {
		f.insert(s.Fields.Closing, "\n"+field+"\n")
	}
}

// want reports whether a function's statement i is text, and fails if it is not.
func (p *pkg) want(name string, d *ast.FuncDecl, i int, text string) bool {
	got := "nothing"
	if i < len(d.Body.List) {
		got = textOf(d.Body.List[i])
	}
	if got != text {
		p.fail("%s: statement %d is %q, want %q", name, i+1, got, text)
	}
	return got == text
}

// replaceAll replaces an expression, which stands n times in a function.
func (p *pkg) replaceAll(f *file, d *ast.FuncDecl, old, new string, n int) {
	have := 0
	ast.Inspect(d.Body, func(node ast.Node) bool {
		if s, ok := node.(*ast.SelectorExpr); ok && textOf(s) == old {
			f.replace(s, new)
			have++
			return false
		}
		return true
	})
	if have != n {
		p.fail("%s has %s in %d places, want %d", fullName(d), old, have, n)
	}
}
