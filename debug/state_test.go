package debug

import (
	"reflect"
	"testing"

	"github.com/growarena/growarena/epoch"
)

// TestDomainStatsOf: each figure of a domain that has the name of one that is shown is that one.
func TestDomainStatsOf(t *testing.T) {
	var of epoch.Stats
	from := reflect.ValueOf(&of).Elem()
	for i := range from.NumField() {
		switch f := from.Field(i); {
		case f.CanInt():
			f.SetInt(int64(10 + i))
		case f.CanUint():
			f.SetUint(uint64(10 + i))
		case f.Kind() == reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 10+i, 10+i))
		}
	}
	to := reflect.ValueOf(domainStatsOf(of))
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		want := from.FieldByName(name)
		if !want.IsValid() {
			t.Errorf("%s is no figure of a domain", name)
			continue
		}
		n := int64(0)
		switch got := to.Field(i); {
		case got.CanInt():
			n = got.Int()
		case got.CanUint():
			n = int64(got.Uint())
		}
		index, _ := from.Type().FieldByName(name)
		if n != int64(10+index.Index[0]) {
			t.Errorf("%s is %d, want %v", name, n, want)
		}
	}
}

// TestState_Sum: what things hold is summed up figure by figure, over all of them.
func TestState_Sum(t *testing.T) {
	var s state
	s.sum([]*thing{{Committed: 1, Disk: 20, Reserved: 300}, {Committed: 2}}, nil, []*thing{{Disk: 40, Reserved: 500}})
	if want := (memory{Count: 3, Committed: 3, Disk: 60, Reserved: 800}); s.Memory != want {
		t.Errorf("%+v, want %+v", s.Memory, want)
	}
}
