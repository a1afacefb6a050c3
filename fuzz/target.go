package fuzz

import "fmt"

// A Target interprets bytes as a program of operations on one package and on a
// model of it.
type Target struct {
	Name string

	// Run runs a program and returns what differs from the model, or nil. Every
	// input is a program, and the same input is the same program. It gives
	// everything back before it returns, after a difference too, except for what
	// Settle gives back. Programs of one target may run concurrently if Alone is
	// false.
	Run func(program []byte) error

	// Alone means that Run looks at things of the whole process, such as its
	// mappings in the zones of package addrspace, so nothing else may run.
	Alone bool

	// Settle gives back what Run keeps to be faster with the next program; nil
	// if that is nothing.
	Settle func()
}

// Targets are all of them.
var Targets = []Target{
	{Name: "addrspace", Run: runAddrspace, Settle: settleAddrspace},
	{Name: "arena", Run: runArena, Alone: true},
	{Name: "buffer", Run: runBuffer},
	{Name: "epoch", Run: runEpoch},
	{Name: "follow", Run: runFollow, Alone: true},
	{Name: "pool", Run: runPool, Alone: true},
	{Name: "slab", Run: runSlab, Settle: settleSlab},
	{Name: "stream", Run: runStream, Alone: true},
}

// Find returns the target of that name.
func Find(name string) (Target, error) {
	for _, t := range Targets {
		if t.Name == name {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("fuzz: there is no target %q", name)
}

// Settle gives back what targets keep to be faster with the next program.
func Settle() {
	for _, t := range Targets {
		if t.Settle != nil {
			t.Settle()
		}
	}
	arenaMirrors.drop()
	followMirrors.drop()
	for i := range poolMirrors {
		poolMirrors[i].drop()
	}
}

// Try is Run, except that a panic and a fault, with the stack, are errors too.
// After those not everything was given back.
func (t Target) Try(program []byte) (err error) {
	return protect(func() error { return t.Run(program) })
}
