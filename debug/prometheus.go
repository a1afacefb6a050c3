package debug

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/growarena/growarena/arena"
)

// family is a metric with all its samples.
type family struct {
	name, help, kind string
	labels           []string // of its samples, in the order they came
	values           map[string]float64
}

// families are metrics in the order they came.
type families []*family

// add adds v to the sample with those labels, of which there is one then: what has the same kind
// and name is summed up.
func (f *families) add(kind, name, help string, v float64, labels ...string) {
	i := slices.IndexFunc(*f, func(m *family) bool { return m.name == name })
	if i < 0 {
		i = len(*f)
		*f = append(*f, &family{name: name, help: help, kind: kind, values: make(map[string]float64)})
	}
	m, key := (*f)[i], labelText(labels)
	if _, ok := m.values[key]; !ok {
		m.labels = append(m.labels, key)
	}
	m.values[key] += v
}

// escapes are those of a label's value.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// labelText returns labels, names and values in turn, as they stand behind a metric's name.
func labelText(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(labels); i += 2 {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		b.WriteString(labels[i] + `="` + escapes.Replace(strings.ToValidUTF8(labels[i+1], "\ufffd")) + `"`)
	}
	b.WriteString("}")
	return b.String()
}

// text returns all of it in the text format, version 0.0.4.
func (f families) text() []byte {
	var b bytes.Buffer
	for _, m := range f {
		b.WriteString("# HELP " + m.name + " " + m.help + "\n# TYPE " + m.name + " " + m.kind + "\n")
		for _, labels := range m.labels {
			b.WriteString(m.name + labels + " " + strconv.FormatFloat(m.values[labels], 'g', -1, 64) + "\n")
		}
	}
	return b.Bytes()
}

// gauge adds a value that goes up and down. So do sums over what lives of what only goes
// up in each.
func (f *families) gauge(name, help string, v int, labels ...string) {
	f.add("gauge", "growarena_"+name, help, float64(v), labels...)
}

// counter adds a value that only goes up.
func (f *families) counter(name, help string, v uint64, labels ...string) {
	f.add("counter", "growarena_"+name, help, float64(v), labels...)
}

// prometheus returns s in the text format.
func prometheus(s *state) []byte {
	var f families
	f.add("gauge", "growarena_look_seconds", "How long it took to find this out.", s.Took.Seconds())
	if s.Memory.Limit > 0 {
		f.add("gauge", "growarena_memory_limit_bytes", "Limit of SetMemoryLimit.", float64(s.Memory.Limit))
	}
	f.gauge("huge_pages_pay", "Whether huge pages are made ahead of a cursor.", oneIf(s.HugePages.Pay))
	f.counter("huge_pages_given_up_total", "Times that huge pages were too dear, and left alone for a while.", uint64(s.HugePages.GivenUp))
	f.add("gauge", "growarena_small_pages_seconds", "What 2 MiB cost by page faults; 0 if not known.", s.HugePages.Small.Seconds())
	for i := range s.Arenas {
		f.arena(&s.Arenas[i])
	}
	for i := range s.Streams {
		f.stream(&s.Streams[i])
	}
	for i := range s.Pools {
		f.pool(&s.Pools[i])
	}
	for i := range s.Slabs {
		f.slab(&s.Slabs[i])
	}
	for i := range s.Followers {
		f.follower(&s.Followers[i])
	}
	for i := range s.ShmWriters {
		f.shmWriter(&s.ShmWriters[i])
	}
	for i := range s.ShmFollowers {
		f.shmFollower(&s.ShmFollowers[i])
	}
	for i := range s.Trackers {
		f.tracker(&s.Trackers[i])
	}
	for i := range s.Domains {
		f.domain(&s.Domains[i])
	}
	for i := range s.Spaces {
		f.space(&s.Spaces[i])
	}
	return f.text()
}

// oneIf is a truth value as a number.
func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// is adds that there is something of a kind, and returns false if it has no figures.
func (f *families) is(what string, l *label, labels []string) bool {
	f.gauge(what, "How many there are.", 1, labels...)
	f.gauge(what+"_busy", "How many of them have not answered: they have no figures.", oneIf(l.Busy), labels...)
	return !l.Busy
}

// holds adds what every thing has, and returns its labels, or false if it has no figures.
func (f *families) holds(t *thing) (l []string, ok bool) {
	l = []string{"kind", t.Kind, "name", t.Name}
	if !f.is("things", &t.label, l) {
		return l, false
	}
	f.gauge("committed_bytes", "Memory held.", t.Committed, l...)
	f.gauge("disk_bytes", "Disk held by files of the caller.", t.Disk, l...)
	f.gauge("reserved_bytes", "Addresses held.", t.Reserved, l...)
	return l, true
}

func (f *families) length(length, capacity int, l []string) {
	f.gauge("length_bytes", "Length.", length, l...)
	f.gauge("capacity_bytes", "Length up to which growing takes no system call.", capacity, l...)
}

func (f *families) windows(windows, kept int, l []string) {
	f.gauge("windows", "Windows that are mapped, old ones included.", windows, l...)
	f.gauge("kept_bytes", "Addresses of old windows.", kept, l...)
}

func (f *families) growth(g arena.Growth, l []string) {
	f.steps("in-window", g.InWindow, l)
	f.steps("extend", g.Extended, l)
	f.steps("rehome", g.Rehomed, l)
	f.steps("alias", g.Aliased, l)
}

func (f *families) headroomOff(off bool, l []string) {
	f.gauge("headroom_off", "How many have given up preparing memory for now.", oneIf(off), l...)
}

func (f *families) steps(rung string, n int, l []string) {
	f.gauge("growth_steps", "Growth steps of those that live, by rung.", n, append(slices.Clip(l), "rung", rung)...)
}

func (f *families) prepared(by string, n int, l []string) {
	f.gauge("prepared_extents", "Extents of 2 MiB that were prepared before they were touched, of those that live.", n, append(slices.Clip(l), "by", by)...)
}

func (f *families) arena(a *arenaState) {
	l, ok := f.holds(&a.thing)
	if !ok {
		return
	}
	s := &a.Stats
	f.length(s.Len, s.Cap, l)
	f.windows(s.Windows, s.Kept, l)
	f.growth(s.Growth, l)
	f.prepared("writer", s.PreparedByWriter, l)
	f.prepared("helper", s.PreparedByHelper, l)
	f.headroomOff(s.HeadroomOff, l)
	if a.Tracked {
		f.tracking(s.Len, &a.Tracking, l)
	}
}

func (f *families) stream(a *streamState) {
	l, ok := f.holds(&a.thing)
	if !ok {
		return
	}
	s := &a.Stats
	f.gauge("stream_front", "First element that is not dropped.", int(s.Front), l...)
	f.gauge("stream_end", "End of what can be read, in elements.", int(s.Len), l...)
	f.gauge("stream_stuck_bytes", "Dropped, and not taken back by the kernel.", s.Stuck, l...)
	f.gauge("stream_files", "Files.", s.Files, l...)
	f.windows(s.Windows, s.Kept, l)
	f.steps("move", s.Moves, l)
	f.prepared("writer", s.Prepared, l)
}

func (f *families) pool(a *poolState) {
	l, ok := f.holds(&a.thing)
	if !ok {
		return
	}
	s := &a.Stats
	f.gauge("pool_buffers", "Buffers.", s.Buffers, l...)
	f.gauge("pool_length_bytes", "Sum of their lengths.", s.Len, l...)
	f.gauge("pool_kept_bytes", "Memory of freed buffers, to be handed out again.", s.Kept, l...)
	f.gauge("pool_bands", "Bands ever used.", s.Bands, l...)
	f.gauge("pool_moved_buffers", "Buffers that have outgrown their bands.", s.Moved, l...)
	f.gauge("pool_windows", "Windows of bands, and of buffers that have outgrown theirs.", s.Runs+s.Windows, l...)
	f.steps("extend", s.Extended, l)
	f.steps("rehome", s.Rehomed, l)
	f.prepared("writer", s.Prepared, l)
	f.headroomOff(s.PreparedOff, l)
}
