package stream_test

import (
	"strings"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// panics returns the text that f panics with, "" if it does not.
func panics(f func()) (text string) {
	defer func() { text, _ = recover().(string) }()
	f()
	return ""
}

// TestRows_CancelDeferred: Cancel behind Publish, or behind another Cancel, does nothing, also
// when the windows that the rows were in are gone.
func TestRows_CancelDeferred(t *testing.T) {
	testutil.NeedsMoves(t)
	c := must(stream.NewColumn[int64](stream.Options{Reserve: 1}))
	defer c.Close()
	var early stream.Rows
	func() {
		r := must(c.Begin(1))
		defer func() {
			if r.Cancel() {
				t.Error("published rows were canceled")
			}
		}()
		c.In(r)[0] = 42
		early = r // A copy, against the rules.
		r.Publish()
	}()
	g := must(c.Pin())
	defer g.Unpin()
	for range 3 {
		if early.Cancel() || c.View(&g)[0] != 42 || must(c.Append()) != 1 {
			t.Fatalf("Cancel of what was published has changed row 0 to %d, the next is %d", c.View(&g)[0], must(c.Append()))
		}
	}

	r := must(c.Begin(2))
	if !r.Cancel() || r.Cancel() {
		t.Error("the first Cancel takes back what nobody is behind, the second does nothing")
	}
	if row := must(c.Append(7)); row != 1 || r.Cancel() || c.Len() != 2 {
		t.Errorf("Cancel has taken others' row %d: Len is %d", row, c.Len())
	}

	late, behind := must(c.Begin(1)), must(c.Begin(1))
	copied := behind
	behind.Publish() // It waits for late.
	if behind.Cancel() || copied.Cancel() {
		t.Error("what waits for its turn was canceled")
	}
	late.Publish()
	for range 20 {
		must(c.Append(make([]int64, 1<<18)...))
	}
	if copied.Cancel() || c.Stats().Moves == 0 {
		t.Error("what was published long ago was canceled")
	}
	if c.Len() != 4+20<<18 {
		t.Errorf("%d rows", c.Len())
	}
	var none stream.Rows // Of a Begin that failed.
	if none.Cancel() {
		t.Error("nothing was canceled")
	}
}

// TestRows_PublishTwice: it panics, also through a copy and before its turn, and what others
// publish is seen all the same.
func TestRows_PublishTwice(t *testing.T) {
	c := must(stream.NewColumn[int64](stream.Options{Name: "c"}))
	defer c.Close()
	first, second, third, fourth := must(c.Begin(1)), must(c.Begin(1)), must(c.Begin(1)), must(c.Begin(1))
	copied := [2]stream.Rows{second, third}
	second.Publish()
	third.Publish()
	canceled := must(c.Begin(1))
	canceled.Cancel()
	for name, r := range map[string]*stream.Rows{"itself": &second, "a copy": &copied[0], "a copy of what was joined": &copied[1], "canceled": &canceled} {
		if text := panics(r.Publish); !strings.Contains(text, "already") && !strings.Contains(text, "second time") {
			t.Errorf("%s: panic %q", name, text)
		}
	}
	first.Publish()
	fourth.Publish()
	fifth, sixth := must(c.Begin(1)), must(c.Begin(1))
	sixth.Publish()
	fifth.Publish()
	if c.Len() != 6 {
		t.Errorf("6 rows were published, Len is %d", c.Len())
	}
}

// TestRows_Lent: the rows that Append hands out are ended by it alone.
func TestRows_Lent(t *testing.T) {
	c := must(stream.NewColumn[int64](stream.Options{Name: "c"}))
	defer c.Close()
	for name, f := range map[string]func(*stream.Rows){"Publish": (*stream.Rows).Publish, "Cancel": func(r *stream.Rows) { r.Cancel() }} {
		text := panics(func() {
			_, _ = c.Group.Append(1, func(r stream.Rows) error { c.In(r)[0] = 1; f(&r); return nil })
		})
		if !strings.Contains(text, name+" of 1 rows at 0") || c.Len() != 0 {
			t.Errorf("%s: panic %q, %d rows", name, text, c.Len())
		}
	}
	if row := must(c.Append(1)); row != 0 {
		t.Errorf("row %d", row)
	}
}
