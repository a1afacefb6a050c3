package dropin_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/growarena/growarena/arena"
)

// A bytes.Buffer that grows without copying: the type is what changes, and that it
// is to be freed.
func Example_buffer() {
	var b arena.Buffer // was: var b bytes.Buffer
	defer b.Free()

	fmt.Fprintf(&b, "hello, ")
	first := b.Bytes()
	b.Grow(1 << 30) // Copies nothing: first still shows what is in the buffer.
	b.WriteString("world\n")
	copy(first, "HELLO")
	line, err := b.ReadString('\n')
	fmt.Printf("%q %v\n", line, err)
	// Output: "HELLO, world\n" <nil>
}

// TestBuffer_Methods checks that arena.Buffer has every method of bytes.Buffer,
// with the same signature.
func TestBuffer_Methods(t *testing.T) {
	ours, theirs := reflect.TypeFor[*arena.Buffer](), reflect.TypeFor[*bytes.Buffer]()
	for want := range theirs.Methods() {
		got, ok := ours.MethodByName(want.Name)
		if !ok {
			t.Errorf("no method %s", want.Name)
			continue
		}
		if g, w := signature(got.Type), signature(want.Type); g != w {
			t.Errorf("%s is %s, want %s", want.Name, g, w)
		}
	}
}

// signature returns the signature of a method without its receiver.
func signature(f reflect.Type) string {
	var in, out []any
	for i := 1; i < f.NumIn(); i++ {
		in = append(in, f.In(i))
	}
	for i := range f.NumOut() {
		out = append(out, f.Out(i))
	}
	return fmt.Sprint(in, out)
}

// TestBuffer_Zip has packages of the standard library write and read what they
// usually do with a bytes.Buffer.
func TestBuffer_Zip(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	var b arena.Buffer
	defer b.Free()
	w := zip.NewWriter(&b)
	for i := range 100 {
		f, err := w.Create(fmt.Sprint("file ", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(f).Encode(map[string]any{"i": i, "pad": strings.Repeat("pad ", 1000*i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(&b, int64(b.Len())) // A Buffer is an io.ReaderAt as well.
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range r.File {
		f, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		var content arena.Buffer
		if _, err := io.Copy(&content, f); err != nil {
			t.Fatal(err)
		}
		var v struct{ I int }
		if err := json.NewDecoder(&content).Decode(&v); err != nil || v.I != i {
			t.Errorf("entry %d holds %d, %v", i, v.I, err)
		}
		if err := content.Free(); err != nil {
			t.Error(err)
		}
	}
}
