//go:build linux && !portable && !(386 || arm || mips || mipsle)

package growarena_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

// Example is README's first example, line for line: TestReadme holds them together.
func Example() {
	run := func() error {
		a, err := arena.NewArena(arena.Options{
			Name: "log",
			// For show: without this its place is made longer first, while nobody is behind it.
			Rungs: arena.RungInWindow | arena.RungRehome | arena.RungAlias,
		})
		if err != nil {
			return err
		}
		defer a.Free()

		first, err := a.Alloc(1 << 20) // zeroed bytes, never moved, never copied
		if err != nil {
			return err
		}
		copy(first, "hello")
		if err := a.Grow(8 << 30); err != nil { // bigger than its window: it moves, the bytes do not
			return err
		}
		now := a.Bytes()
		fmt.Printf("%s %s\n", first[:5], now[:5]) // hello hello: the same bytes
		fmt.Println(&first[0] == &now[0])         // false: at two addresses
		return nil
	}
	if err := run(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// hello hello
	// false
}

// TestReadme: the first example of README is the one above.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```go\n")
	block, _, ok := strings.Cut(block, "```\n")
	if !ok {
		t.Fatal("there is no example")
	}
	var indented strings.Builder
	for line := range strings.Lines(block) {
		if line != "\n" {
			line = "\t\t" + line
		}
		indented.WriteString(line)
	}
	if !strings.Contains(string(source), indented.String()) {
		t.Errorf("the example that is run is another one than\n%s", block)
	}
}

// TestTypes_NotCopied: go vet finds copies of what must not be copied, because it finds
// something with a Lock method in them.
func TestTypes_NotCopied(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[arena.Arena](), reflect.TypeFor[arena.Buffer](), reflect.TypeFor[arena.Local](),
		reflect.TypeFor[arena.Alias](), reflect.TypeFor[arena.LinearMemory](),
		reflect.TypeFor[pool.Pool](), reflect.TypeFor[slab.Allocator](), reflect.TypeFor[slab.Local](),
		reflect.TypeFor[addrspace.Space](), reflect.TypeFor[addrspace.Window](), reflect.TypeFor[epoch.Domain](),
	} {
		if !locks(typ) {
			t.Errorf("%v can be copied without a word of go vet", typ)
		}
	}
	if locks(reflect.TypeFor[arena.Guard]()) {
		t.Error("a Guard is a value, and go vet complains")
	}
}

// locks reports whether a value of type t contains one with a Lock method of its pointer.
func locks(t reflect.Type) bool {
	if m, ok := reflect.PointerTo(t).MethodByName("Lock"); ok && m.Type.NumIn() == 1 {
		return true
	}
	switch t.Kind() {
	case reflect.Array:
		return locks(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if locks(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
