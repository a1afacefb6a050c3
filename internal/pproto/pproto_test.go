package pproto_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/growarena/growarena/internal/pproto"
	"github.com/growarena/growarena/internal/testutil"
)

//go:noinline
func here() []uintptr {
	var pcs [8]uintptr
	return pcs[:runtime.Callers(1, pcs[:])]
}

func TestWrite(t *testing.T) {
	one, two := here(), here()
	var b bytes.Buffer
	units := []pproto.Unit{{Type: "things", Unit: "count"}, {Type: "space", Unit: "bytes"}}
	samples := []pproto.Sample{{one, []int64{1, 1 << 40}}, {two, []int64{3, 0}}, {one, []int64{2, 5}}}
	if err := pproto.Write(&b, units, 512<<10, samples); err != nil {
		t.Fatal(err)
	}
	p := testutil.ReadProfile(t, b.Bytes())
	if len(p.Samples) != 2 || p.Default != "space" {
		t.Errorf("%+v", p)
	}
	if n, bytes := p.Sum(t, "things/count", "pproto_test.here"), p.Sum(t, "space/bytes", "TestWrite"); n != 6 || bytes != 1<<40+5 {
		t.Errorf("%d things of %d bytes", n, bytes)
	}
	if top := p.Samples[0].Stack[0]; !strings.Contains(top, "pproto_test.here") || !strings.Contains(top, "pproto_test.go:") {
		t.Errorf("the innermost frame is %s", top)
	}
}

func TestWrite_Empty(t *testing.T) {
	var b bytes.Buffer
	if err := pproto.Write(&b, []pproto.Unit{{Type: "space", Unit: "bytes"}}, 1, nil); err != nil {
		t.Fatal(err)
	}
	if p := testutil.ReadProfile(t, b.Bytes()); len(p.Samples) != 0 || len(p.Units) != 1 {
		t.Errorf("%+v", p)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWrite_Fails(t *testing.T) {
	if err := pproto.Write(full{}, []pproto.Unit{{Type: "space", Unit: "bytes"}}, 1, nil); !errors.Is(err, errFull) {
		t.Error(err)
	}
}
