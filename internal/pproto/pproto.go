// Package pproto writes profiles in the format of go tool pprof, with units: those
// of package runtime/pprof that a library can add only count.
//
// It is the message Profile of github.com/google/pprof/proto/profile.proto, compressed.
package pproto

import (
	"compress/gzip"
	"io"
	"runtime"
	"time"
)

// Unit is what a value of a sample counts.
type Unit struct {
	Type string // such as inuse_space
	Unit string // such as bytes
}

// Sample is what was found at a stack.
type Sample struct {
	Stack  []uintptr // as runtime.Callers has it
	Values []int64   // one for each unit
}

// Field numbers of the messages.
const (
	profileSampleType = 1
	profileSample     = 2
	profileLocation   = 4
	profileFunction   = 5
	profileStrings    = 6
	profileTime       = 9
	profilePeriodType = 11
	profilePeriod     = 12
	profileDefault    = 14

	valueType = 1
	valueUnit = 2

	sampleLocation = 1
	sampleValue    = 2

	locationID      = 1
	locationAddress = 3
	locationLine    = 4

	lineFunction = 1
	lineNumber   = 2

	functionID     = 1
	functionName   = 2
	functionSystem = 3
	functionFile   = 4
	functionStart  = 5
)

// Write writes a profile of samples, those of equal stacks as one. The last unit is what
// is shown by default, period of which stand for one sample.
func Write(w io.Writer, units []Unit, period int64, samples []Sample) error {
	b := &builder{strings: map[string]uint64{"": 0}, list: []string{""}, locations: map[uintptr]uint64{}, functions: map[string]uint64{}}
	for _, u := range units {
		b.out.message(profileSampleType, b.unit(u))
	}
	for _, s := range merge(samples) {
		var m message
		for _, pc := range s.Stack {
			m.uint(sampleLocation, b.location(pc))
		}
		for _, v := range s.Values {
			m.repeated(sampleValue, uint64(v)) // Also if it is 0.
		}
		b.out.message(profileSample, m)
	}
	last := units[len(units)-1]
	b.out.uint(profileTime, uint64(time.Now().UnixNano()))
	b.out.message(profilePeriodType, b.unit(last))
	b.out.uint(profilePeriod, uint64(period))
	b.out.uint(profileDefault, b.string(last.Type))
	for _, s := range b.list { // The first is empty, and has to be there.
		b.out.bytes(profileStrings, []byte(s))
	}
	z := gzip.NewWriter(w)
	if _, err := z.Write(b.out); err != nil {
		return err
	}
	return z.Close()
}

// merge adds up the samples of equal stacks, in the order in which they come.
func merge(samples []Sample) (merged []Sample) {
	at := make(map[string]int)
	for _, s := range samples {
		var key message
		for _, pc := range s.Stack {
			key.varint(uint64(pc))
		}
		k, ok := at[string(key)]
		if !ok {
			k = len(merged)
			at[string(key)] = k
			merged = append(merged, Sample{s.Stack, make([]int64, len(s.Values))})
		}
		for i, v := range s.Values {
			merged[k].Values[i] += v
		}
	}
	return merged
}

// builder builds the tables that samples refer to.
type builder struct {
	out       message
	strings   map[string]uint64 // index in list
	list      []string
	locations map[uintptr]uint64
	functions map[string]uint64
}

func (b *builder) unit(u Unit) (m message) {
	m.uint(valueType, b.string(u.Type))
	m.uint(valueUnit, b.string(u.Unit))
	return m
}

func (b *builder) string(s string) uint64 {
	n, ok := b.strings[s]
	if !ok {
		n = uint64(len(b.list))
		b.strings[s] = n
		b.list = append(b.list, s)
	}
	return n
}

// location returns the number of the location of pc, with a line for each function that
// is inlined there, the innermost first.
func (b *builder) location(pc uintptr) uint64 {
	if id, ok := b.locations[pc]; ok {
		return id
	}
	id := uint64(len(b.locations) + 1)
	b.locations[pc] = id
	var m message
	m.uint(locationID, id)
	m.uint(locationAddress, uint64(pc))
	frames := runtime.CallersFrames([]uintptr{pc})
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		var line message
		line.uint(lineFunction, b.function(f))
		line.uint(lineNumber, uint64(f.Line))
		m.message(locationLine, line)
	}
	b.out.message(profileLocation, m)
	return id
}

func (b *builder) function(f runtime.Frame) uint64 {
	if id, ok := b.functions[f.Function]; ok {
		return id
	}
	id := uint64(len(b.functions) + 1)
	b.functions[f.Function] = id
	var m message
	m.uint(functionID, id)
	m.uint(functionName, b.string(f.Function))
	m.uint(functionSystem, b.string(f.Function))
	m.uint(functionFile, b.string(f.File))
	if f.Func != nil {
		_, start := f.Func.FileLine(f.Entry)
		m.uint(functionStart, uint64(start))
	}
	b.out.message(profileFunction, m)
	return id
}
