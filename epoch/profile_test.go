package epoch_test

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/growarena/growarena/epoch"
)

// TestDomain_Profile pins in a Profile domain: the profile has one entry for each
// pin that is held, by who pinned or refreshed it, and none once all are unpinned.
func TestDomain_Profile(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Profile: true})
	g, h := pinForProfile(t, d), pinForProfile(t, d)
	if n, text := pins(t); n != 2 || !strings.Contains(innermost(text), "epoch_test.pinForProfile") {
		t.Errorf("two pins are held, the profile has %d:\n%s", n, text)
	}
	if err := d.Retire(epoch.Retired{Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	if err := h.Refresh(); err != nil {
		t.Fatal(err)
	}
	g.Unpin()
	if n, text := pins(t); n != 1 || !strings.Contains(innermost(text), "epoch_test.TestDomain_Profile") {
		t.Errorf("one refreshed pin is held, the profile has %d:\n%s", n, text)
	}
	twin := h
	h.Unpin()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("unpinning through a copy was not noticed")
			}
		}()
		twin.Unpin()
	}()
	if n, text := pins(t); n != 0 {
		t.Errorf("no pin is held, the profile has %d:\n%s", n, text)
	}
	if err := d.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

//go:noinline
func pinForProfile(t *testing.T, d *epoch.Domain) epoch.Guard {
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func pins(t *testing.T) (int, string) {
	p := pprof.Lookup("growarena.pins")
	if p == nil {
		t.Fatal("there is no profile growarena.pins")
	}
	var text bytes.Buffer
	if err := p.WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	return p.Count(), text.String()
}

// innermost returns the line of the innermost function of the first stack.
func innermost(text string) string {
	return append(strings.Split(text, "\n"), "", "", "")[2]
}
