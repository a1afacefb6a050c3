package fuzz

import "slices"

// opLocal makes a Local or closes one.
func (r *slabRun) opLocal() error {
	if i := r.in.below(slabLocals + 1); i < len(r.locals) {
		r.closeLocal(i)
	} else if len(r.locals) < slabLocals {
		r.locals = append(r.locals, r.a.NewLocal())
	}
	return nil
}

func (r *slabRun) closeLocal(i int) {
	r.locals[i].Close()
	r.locals = slices.Delete(r.locals, i, i+1)
}
