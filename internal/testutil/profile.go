package testutil

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Profile is what go tool pprof would read.
type Profile struct {
	Units   []string // such as "inuse_space/bytes", in the order of values
	Default string   // the type that is shown
	Samples []ProfileSample
}

// ProfileSample is a sample of a profile.
type ProfileSample struct {
	Stack  []string // "function file:line", the innermost first
	Values []int64
}

// Sum adds up the values of a unit, of the samples whose stack contains text.
func (p *Profile) Sum(t *testing.T, unit, text string) (sum int64) {
	t.Helper()
	for i, u := range p.Units {
		if u != unit {
			continue
		}
		for _, s := range p.Samples {
			if strings.Contains(strings.Join(s.Stack, "\n"), text) {
				sum += s.Values[i]
			}
		}
		return sum
	}
	t.Fatalf("there is no unit %s, only %v", unit, p.Units)
	return 0
}

// ReadProfile decodes a profile, and fails t if it refers to what is not there.
func ReadProfile(t *testing.T, compressed []byte) *Profile {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, all)
	text := func(i uint64) string {
		if i >= uint64(len(m[6])) {
			t.Fatalf("string %d of %d", i, len(m[6]))
		}
		return string(m[6][i].bytes)
	}
	if text(0) != "" {
		t.Fatalf("the first string is %q", text(0))
	}
	functions, locations := map[uint64]string{}, map[uint64]string{}
	for _, v := range m[5] {
		f := decode(t, v.bytes)
		functions[f.one(1)] = text(f.one(2)) + " " + text(f.one(4))
	}
	for _, v := range m[4] {
		l := decode(t, v.bytes)
		line := decode(t, l[4][0].bytes)
		name, ok := functions[line.one(1)]
		if !ok {
			t.Fatalf("there is no function %d", line.one(1))
		}
		locations[l.one(1)] = fmt.Sprintf("%s:%d", name, line.one(2))
	}
	p := &Profile{Default: text(m.one(14))}
	for _, v := range m[1] {
		u := decode(t, v.bytes)
		p.Units = append(p.Units, text(u.one(1))+"/"+text(u.one(2)))
	}
	for _, v := range m[2] {
		f := decode(t, v.bytes)
		var s ProfileSample
		for _, id := range f[1] {
			where, ok := locations[id.number]
			if !ok {
				t.Fatalf("there is no location %d", id.number)
			}
			s.Stack = append(s.Stack, where)
		}
		for _, n := range f[2] {
			s.Values = append(s.Values, int64(n.number))
		}
		if len(s.Values) != len(p.Units) {
			t.Fatalf("%d values for %d units", len(s.Values), len(p.Units))
		}
		p.Samples = append(p.Samples, s)
	}
	return p
}

// value is that of a field: a number or bytes.
type value struct {
	number uint64
	bytes  []byte
}

// message is what was found in an encoded message, by field number.
type message map[uint64][]value

// one returns the number in a field that comes once, 0 if it does not.
func (m message) one(field uint64) uint64 {
	if len(m[field]) == 0 {
		return 0
	}
	return m[field][0].number
}

func decode(t *testing.T, b []byte) message {
	t.Helper()
	m := message{}
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		v, k := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || k <= 0 {
			t.Fatal("the message ends within a number")
		}
		b = b[n+k:]
		switch key & 7 {
		case 0:
			m[key>>3] = append(m[key>>3], value{number: v})
		case 2:
			if v > uint64(len(b)) {
				t.Fatal("the message ends within a field")
			}
			m[key>>3] = append(m[key>>3], value{bytes: b[:v]})
			b = b[v:]
		default:
			t.Fatalf("wire type %d", key&7)
		}
	}
	return m
}
