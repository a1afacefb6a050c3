package dropin_test

import "slices"

// growModule assembles a WebAssembly module:
//
//	(module
//	  (memory (export "memory") min max [shared])
//	  ;; fill grows the memory n times by a page, until that is refused, writes the
//	  ;; number of the page into its first and last word, and returns how often.
//	  (func (export "fill") (param $n i32) (result i32) …)
//	  ;; sum returns the sum of the first and last words of all pages.
//	  (func (export "sum") (result i32) …)
//	  ;; add adds 1 to the first word n times. An atomic instruction, in a shared
//	  ;; memory only.
//	  (func (export "add") (param $n i32) (result i32) …))
func growModule(minPages, maxPages uint32, shared bool) []byte {
	flags := byte(1) // There is a maximum.
	if shared {
		flags = 3
	}
	const i32 = 0x7f
	types := vec(
		[]byte{0x60, 1, i32, 1, i32}, // func (param i32) (result i32)
		[]byte{0x60, 0, 1, i32},      // func (result i32)
	)
	functions := [][]byte{{0}, {1}}
	exports := [][]byte{export("memory", 2, 0), export("fill", 0, 0), export("sum", 0, 1)}
	code := [][]byte{fillBody(), sumBody()}
	if shared {
		functions = append(functions, []byte{0})
		exports = append(exports, export("add", 0, 2))
		code = append(code, addBody())
	}
	return slices.Concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types),
		section(3, vec(functions...)),
		section(5, vec(slices.Concat([]byte{flags}, leb(minPages), leb(maxPages)))),
		section(7, vec(exports...)),
		section(10, vec(code...)),
	)
}

// The instructions used.
const (
	opBlock, opLoop, opEnd = 0x02, 0x03, 0x0b
	opBr, opBrIf           = 0x0c, 0x0d
	opDrop                 = 0x1a
	opGet, opSet, opTee    = 0x20, 0x21, 0x22
	opLoad, opStore        = 0x28, 0x36
	opSize, opGrow         = 0x3f, 0x40
	opConst                = 0x41
	opEq, opGeU            = 0x46, 0x4f
	opAdd, opShl           = 0x6a, 0x74
	opAtomic, opRmwAdd     = 0xfe, 0x1e
	void, minusOne         = 0x40, 0x7f
)

// lastWord is the offset of a page's last word.
var lastWord = leb(wasmPage - 4)

// fillBody has locals: 0 n, 1 i, 2 page.
func fillBody() []byte {
	page := []byte{opGet, 2, opConst, 16, opShl, opGet, 2}
	return body(2, slices.Concat(
		[]byte{opBlock, void, opLoop, void},
		[]byte{opGet, 1, opGet, 0, opGeU, opBrIf, 1},
		[]byte{opConst, 1, opGrow, 0, opTee, 2, opConst, minusOne, opEq, opBrIf, 1},
		page, []byte{opStore, 2, 0},
		page, []byte{opStore, 2}, lastWord,
		increment(1), []byte{opBr, 0, opEnd, opEnd},
		[]byte{opGet, 1},
	))
}

// sumBody has locals: 0 page, 1 sum.
func sumBody() []byte {
	page := []byte{opGet, 0, opConst, 16, opShl}
	return body(2, slices.Concat(
		[]byte{opBlock, void, opLoop, void},
		[]byte{opGet, 0, opSize, 0, opGeU, opBrIf, 1},
		[]byte{opGet, 1},
		page, []byte{opLoad, 2, 0, opAdd},
		page, []byte{opLoad, 2}, lastWord, []byte{opAdd, opSet, 1},
		increment(0), []byte{opBr, 0, opEnd, opEnd},
		[]byte{opGet, 1},
	))
}

// addBody has locals: 0 n, 1 i.
func addBody() []byte {
	return body(1, slices.Concat(
		[]byte{opBlock, void, opLoop, void},
		[]byte{opGet, 1, opGet, 0, opGeU, opBrIf, 1},
		[]byte{opConst, 0, opConst, 1, opAtomic, opRmwAdd, 2, 0, opDrop},
		increment(1), []byte{opBr, 0, opEnd, opEnd},
		[]byte{opGet, 1},
	))
}

func increment(local byte) []byte { return []byte{opGet, local, opConst, 1, opAdd, opSet, local} }

// body returns a function with so many locals of type i32 beside its parameters.
func body(locals byte, code []byte) []byte {
	return sized(slices.Concat([]byte{1, locals, 0x7f}, code, []byte{opEnd}))
}

func export(name string, kind, index byte) []byte {
	return slices.Concat(sized([]byte(name)), []byte{kind, index})
}

func section(id byte, content []byte) []byte { return append([]byte{id}, sized(content)...) }

func sized(b []byte) []byte { return append(leb(uint32(len(b))), b...) }

func vec(items ...[]byte) []byte {
	return append(leb(uint32(len(items))), slices.Concat(items...)...)
}

// leb encodes n as LEB128, unsigned.
func leb(n uint32) (b []byte) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
