// Package pointerfree finds out whether values of a type contain pointers, which
// the garbage collector does not see in memory that is not its own.
package pointerfree

import (
	"reflect"
	"sync"
)

// free remembers which types have been found to contain no pointers.
var free sync.Map // of reflect.Type → struct{}

// Pointer returns where in a value of type T a pointer is, such as
// "Name: string", or "" if there is none. The types the compiler shows us as such
// cost nothing; others a look into a map.
func Pointer[T any]() string {
	// A pointer to T, for a T itself would be copied to the heap on the way.
	switch any((*T)(nil)).(type) {
	case *bool, *int8, *int16, *int32, *int64, *int, *uint8, *uint16, *uint32, *uint64, *uint, *uintptr,
		*float32, *float64, *complex64, *complex128:
		return ""
	}
	t := reflect.TypeFor[T]()
	if _, ok := free.Load(t); ok {
		return ""
	}
	path := In(t)
	if path == "" {
		free.Store(t, struct{}{})
	}
	return path
}

// In is Pointer for a type that is known at run time, and remembers nothing.
func In(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return ""
	case reflect.Array:
		if t.Len() == 0 {
			return ""
		}
		return In(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if path := In(f.Type); path != "" {
				return f.Name + ": " + path
			}
		}
		return ""
	}
	return t.String()
}
