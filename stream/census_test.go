package stream_test

import (
	"testing"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestStream_Census: what holds memory is listed by its kind and name until it is closed.
func TestStream_Census(t *testing.T) {
	testutil.NeedsMoves(t)
	find := func(kind string) *census.Entry {
		for _, e := range census.List() {
			if e.Kind == kind && e.Name == t.Name() {
				return &e
			}
		}
		return nil
	}
	opts := stream.Options{Name: t.Name(), Reserve: 8 * mib}
	s, c := must(stream.New(opts)), must(stream.NewColumn[uint64](opts))
	must(s.Append(make([]byte, mib)))
	must(c.Append(make([]uint64, mib/8)...))
	for _, kind := range []string{"stream", "column"} {
		if e := find(kind); e == nil || e.Committed < mib || e.Reserved != 8*mib {
			t.Errorf("%s: %+v", kind, e)
		}
	}
	for kind, close := range map[string]func() error{"stream": s.Close, "column": c.Close} {
		if err := close(); err != nil {
			t.Error(err)
		}
		if e := find(kind); e != nil {
			t.Errorf("closed: %+v", e)
		}
	}
}
