package fuzz

// A Target interprets bytes as a program of operations on one package and on a
// model of it.
type Target struct {
	Name string

	// Run runs a program and returns what differs from the model, or nil. Every
	// input is a program, and the same input is the same program. It gives
	// everything back before it returns, after a difference too. Programs of
	// one target may run concurrently if Alone is false.
	Run func(program []byte) error

	// Alone means that Run looks at things of the whole process, such as its
	// mappings in the zones of package addrspace, so nothing else may run.
	Alone bool
}

// Targets are all of them.
var Targets = []Target{}
