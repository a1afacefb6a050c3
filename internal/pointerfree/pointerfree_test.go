package pointerfree

import (
	"testing"
	"unsafe"
)

func TestPointer(t *testing.T) {
	type inner struct{ Name string }
	tests := map[string]struct{ got, want string }{
		"int":                  {Pointer[int](), ""},
		"array":                {Pointer[[4]struct{ a, b float32 }](), ""},
		"empty array":          {Pointer[[0]*int](), ""},
		"named":                {Pointer[kind](), ""},
		"string":               {Pointer[string](), "string"},
		"pointer":              {Pointer[*int](), "*int"},
		"unsafe pointer":       {Pointer[unsafe.Pointer](), "unsafe.Pointer"},
		"interface":            {Pointer[any](), "interface {}"},
		"nested":               {Pointer[struct{ A [2]inner }](), "A: Name: string"},
		"int again":            {Pointer[int](), ""},
		"second time the same": {Pointer[struct{ A [2]inner }](), "A: Name: string"},
		"func":                 {Pointer[func()](), "func()"},
	}
	for name, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
}

type kind uint8

// TestPointer_OfLargeType: a T is not copied to the heap to look at its type.
func TestPointer_OfLargeType(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() { Pointer[[1 << 20]byte]() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
