package testutil

import "io"

// Scribbler is a reader that uses more of what it is given than it fills as
// scratch space, as it may, fills little, and returns nothing now and then.
type Scribbler struct {
	R     io.Reader
	Most  int // that a Read returns
	calls int
}

// Read reads at most s.Most bytes, and nothing each third time.
func (s *Scribbler) Read(p []byte) (int, error) {
	for i := range p[:min(len(p), s.Most+5000)] {
		p[i] = 0xee
	}
	if s.calls++; s.calls%3 == 0 {
		return 0, nil
	}
	return s.R.Read(p[:min(len(p), s.Most)])
}
