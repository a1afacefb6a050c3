package arena

import "github.com/growarena/growarena/internal/memfile"

// Feature is something the kernel may or may not offer.
type Feature struct {
	Name string // short, as in a table
	Use  string // what it is good for here
	Err  error  // why it does not work; nil if it does
}

// Features finds out by trying what this kernel offers. The arena itself tries
// each once, when it first needs it, and never asks for versions: emulated
// kernels and back-ported patches make those worthless.
func Features() []Feature {
	var all []Feature
	for _, f := range memfile.Features() {
		all = append(all, Feature(f))
	}
	return all
}
