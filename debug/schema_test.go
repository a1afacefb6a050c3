package debug

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
)

var update = flag.Bool("update", false, "write schema.json anew")

// schema is a part of JSON Schema.
type schema struct {
	Schema     string             `json:"$schema,omitempty"`
	Title      string             `json:"title,omitempty"`
	Type       any                `json:"type"` // a name, or several
	Format     string             `json:"format,omitempty"`
	Enum       []string           `json:"enum,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
}

// schemaOf describes what package encoding/json makes of a type.
func schemaOf(t reflect.Type) *schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case t == reflect.TypeFor[addrspace.PlaceState]():
		return &schema{Type: "string", Enum: []string{"held", "quarantined", "cached", "stuck", "foreign"}}
	}
	switch t.Kind() {
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Slice:
		return &schema{Type: []any{"array", "null"}, Items: schemaOf(t.Elem())}
	case reflect.Struct:
		s := &schema{Type: "object", Properties: make(map[string]*schema)}
		for _, f := range reflect.VisibleFields(t) {
			if f.Anonymous || !f.IsExported() {
				continue
			}
			s.Properties[f.Name] = schemaOf(f.Type)
			s.Required = append(s.Required, f.Name)
		}
		slices.Sort(s.Required)
		return s
	}
	if k := t.Kind(); k >= reflect.Int && k <= reflect.Uint64 {
		return &schema{Type: "integer"}
	}
	panic(fmt.Sprintf("a %v in the state", t))
}

// check says where v is not as s wants it.
func (s *schema) check(at string, v any) (wrong []string) {
	types, ok := s.Type.([]any)
	if !ok {
		types = []any{s.Type}
	}
	is := ""
	switch v := v.(type) {
	case nil:
		is = "null"
	case bool:
		is = "boolean"
	case string:
		is = "string"
		if s.Enum != nil && !slices.Contains(s.Enum, v) {
			wrong = append(wrong, fmt.Sprintf("%s is %q", at, v))
		}
		if _, err := time.Parse(time.RFC3339Nano, v); s.Format == "date-time" && err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", at, err))
		}
	case float64:
		is = "number"
		if v == math.Trunc(v) {
			is = "integer"
		}
	case []any:
		is = "array"
		for i, e := range v {
			wrong = append(wrong, s.Items.check(fmt.Sprintf("%s[%d]", at, i), e)...)
		}
	case map[string]any:
		is = "object"
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				wrong = append(wrong, fmt.Sprintf("%s.%s is missing", at, name))
			}
		}
		for name, e := range v {
			if p := s.Properties[name]; p != nil { // Others are newer than the schema.
				wrong = append(wrong, p.check(at+"."+name, e)...)
			}
		}
	}
	if !slices.Contains(types, any(is)) {
		wrong = append(wrong, fmt.Sprintf("%s is of type %s, want %v", at, is, types))
	}
	return wrong
}

// missing says what s has and now has not, or has of another type.
func (s *schema) missing(at string, now *schema) (list []string) {
	if now == nil || fmt.Sprint(s.Type, s.Format) != fmt.Sprint(now.Type, now.Format) {
		return []string{at}
	}
	for _, e := range s.Enum {
		if !slices.Contains(now.Enum, e) {
			list = append(list, at+" "+e)
		}
	}
	for name, p := range s.Properties {
		list = append(list, p.missing(at+"."+name, now.Properties[name])...)
	}
	if s.Items != nil {
		list = append(list, s.Items.missing(at+"[]", now.Items)...)
	}
	return list
}

// readSchema reads the file.
func readSchema(t *testing.T) (s schema) {
	t.Helper()
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchema: what the file describes is served, and more may be. Whoever takes something away, or
// calls it something else, does so to who reads it: go test ./debug -run TestSchema -update writes the
// file anew.
func TestSchema(t *testing.T) {
	now := schemaOf(reflect.TypeFor[state]())
	now.Schema, now.Title = "https://json-schema.org/draft/2020-12/schema", "what growarena does: sizes are bytes, durations nanoseconds; fields may be added"
	if *update {
		text, err := json.MarshalIndent(now, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("schema.json", append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := readSchema(t)
	if missing := s.missing("", now); missing != nil {
		t.Errorf("schema.json has what is not there any more: %q: run this test with -update", missing)
	}
	delete(now.Properties["Arenas"].Items.Properties, "Stats")
	now.Properties["Took"].Type = "string"
	if missing := s.missing("", now); len(missing) != 2 {
		t.Errorf("of two things that are missing: %q", missing)
	}
}

// TestJSON: the object is as the schema says, and has everything that lives.
func TestJSON(t *testing.T) {
	scene := newScene(t, hostile)
	w := get(t, Handler(), "json")
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("its type is %s", got)
	}
	s := readSchema(t)
	var any any
	if err := json.Unmarshal(w.Body.Bytes(), &any); err != nil {
		t.Fatal(err)
	}
	if wrong := s.check("", any); wrong != nil {
		t.Errorf("it is not as schema.json says:\n%s", strings.Join(wrong, "\n"))
	}
	checkState(t, w.Body.Bytes())
	checkTracked(t, w.Body.Bytes(), scene)
}

// checkTracked checks that an object has what a scene tracks.
func checkTracked(t *testing.T, text []byte, scene *scene) {
	t.Helper()
	var got state
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for _, a := range got.Arenas {
		if a.Name != strings.ToValidUTF8(hostile, "\ufffd") || a.Kind != "arena" {
			continue
		}
		s := a.Tracking
		if a.Tracked != scene.tracked || a.Tracked && (s.Written != page || s.Windows != 2 || s.Checkpoints != 1 || s.Last.Len != mib || s.Last.Copied != mib || s.Last.Pause <= 0) {
			t.Errorf("tracked: %v, %+v", a.Tracked, s)
		}
	}
	if !scene.tracked {
		return
	}
	if len(got.Trackers) != 1 {
		t.Fatalf("%d trackers", len(got.Trackers))
	}
	if r := got.Trackers[0]; r.Kind != "tracker" || r.Stats.Bytes != mib || r.Stats.Written != 2*page || r.Stats.Reports != 1 || !strings.Contains(r.Made, "testing.tRunner testing.go:") {
		t.Errorf("tracker: %+v", r)
	}
}

// checkState checks that an object has what a scene made of that name has.
func checkState(t *testing.T, text []byte) {
	t.Helper()
	var got state
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	name := strings.ToValidUTF8(hostile, "\ufffd")
	find := func(what string, n int, is func(i int) bool) {
		t.Helper()
		for i := range n {
			if is(i) {
				return
			}
		}
		t.Errorf("no %s is as it was made:\n%s", what, text)
	}
	find("arena", len(got.Arenas), func(i int) bool {
		a := got.Arenas[i]
		return a.Name == name && a.Kind == "arena" && a.Domain == name && a.Stats.Len == mib && a.Committed >= mib && a.Reserved >= 12*mib &&
			a.Stats.Growth.Aliased == 1 && a.Stats.Windows == 2 && strings.HasPrefix(a.Made, "testing.tRunner testing.go:")
	})
	find("stream", len(got.Streams), func(i int) bool {
		a := got.Streams[i]
		return a.Name == name && a.Kind == "stream" && a.Stats.Len == 3<<10 && a.Committed > 0
	})
	find("pool", len(got.Pools), func(i int) bool {
		a := got.Pools[i]
		return a.Name == name && a.Kind == "pool" && a.Stats.Buffers == 1 && a.Stats.Len == 5000
	})
	find("allocator", len(got.Slabs), func(i int) bool {
		a := got.Slabs[i]
		return a.Name == name && a.Stats.Objects == 60 && len(a.Stats.Classes) == 1 && a.Stats.Classes[0].Size == 128
	})
	find("follower", len(got.Followers), func(i int) bool {
		a := got.Followers[i]
		return a.Name == name && a.Kind == "follower" && a.Stats.Len == mib
	})
	find("follower of shared memory", len(got.Followers), func(i int) bool {
		return got.Followers[i].Kind == "shm follower" && got.Followers[i].Name == name
	})
	find("writer", len(got.ShmWriters), func(i int) bool {
		a := got.ShmWriters[i]
		return a.Name == name && a.Stats.Published == 9 && a.Stats.Generation == 1 && a.Stats.Sealed && a.Err == ""
	})
	find("follower", len(got.ShmFollowers), func(i int) bool {
		a := got.ShmFollowers[i]
		return a.Name == name && a.Len == 9 && a.State == "live" && a.Alive && a.Sealed
	})
	find("domain", len(got.Domains), func(i int) bool {
		d := got.Domains[i]
		return d.Name == name && d.Stats.Pinned == 1 && d.Stats.RetiredBytes == 12345 && len(d.Pins) == 1 && d.Pins[0].Bytes == 12345 &&
			strings.Contains(d.Pins[0].Stack[0], "debug.holdPin scene_test.go:")
	})
	find("arena's own domain", len(got.Domains), func(i int) bool {
		d := got.Domains[i]
		return d.Name == name && d.Stats.Pinned == 1 && d.Stats.RetiredBytes == 4*mib
	})
	find("space", len(got.Spaces), func(i int) bool {
		s := got.Spaces[i]
		// What it has met of the other spaces is there, too.
		return s.Name != "default" && s.Stats.Windows == 1 && slices.ContainsFunc(s.Places, func(p place) bool {
			return p.State == addrspace.PlaceHeld && p.Name == name && p.Size == 4*mib
		})
	})
	find("window", len(got.Spaces[0].Places), func(i int) bool {
		p := got.Spaces[0].Places[i]
		return p.Name == name && p.State == addrspace.PlaceHeld && p.Size == 4*mib && p.Mapped == p.Size
	})
	if m := got.Memory; m.Committed < mib || m.Reserved < 12*mib || m.Count < 4 {
		t.Errorf("all of them: %+v", m)
	}
}
