package debug

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/growarena/growarena/arena"
)

// metric is a sample that was parsed.
type metric struct {
	name   string
	labels map[string]string
	value  float64
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*`)
)

// parseMetrics parses the text format, version 0.0.4, and takes nothing that is only tolerated: each
// family has help and type, once, before its samples, which stand together and are each there once.
func parseMetrics(text string) (list []metric, err error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("it does not end with a line feed")
	}
	seen, kinds, helped := map[string]bool{}, map[string]string{}, ""
	family := ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fail := func(what string) error { return fmt.Errorf("line %d, %q: %s", i+1, line, what) }
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			if kinds[name] != "" || help == "" || metricName.FindString(name) != name {
				return nil, fail("help, of nothing new or nothing")
			}
			helped = name
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if name != helped || kinds[name] != "" || kind != "gauge" && kind != "counter" || (kind == "counter") != strings.HasSuffix(name, "_total") {
				return nil, fail("type, without help, again, or none")
			}
			family, kinds[name] = name, kind
			continue
		}
		m := metric{name: metricName.FindString(line), labels: map[string]string{}}
		if m.name == "" || m.name != family {
			return nil, fail("a sample out of its family")
		}
		rest := line[len(m.name):]
		key := m.name
		if strings.HasPrefix(rest, "{") {
			if rest, err = m.parseLabels(rest[1:]); err != nil {
				return nil, fail(err.Error())
			}
			key = line[:len(line)-len(rest)]
		}
		if seen[key] {
			return nil, fail("the same sample again")
		}
		seen[key] = true
		if !strings.HasPrefix(rest, " ") {
			return nil, fail("no space before the value")
		}
		if m.value, err = strconv.ParseFloat(rest[1:], 64); err != nil {
			return nil, fail(err.Error())
		}
		list = append(list, m)
	}
	return list, nil
}

// parseLabels parses labels behind the brace, and returns what comes behind them.
func (m *metric) parseLabels(s string) (rest string, err error) {
	name := labelName.FindString(s)
	s, ok := strings.CutPrefix(s[len(name):], `="`)
	if name == "" || !ok || m.labels[name] != "" {
		return "", fmt.Errorf("no label, or again, at %q", s)
	}
	var value strings.Builder
	for end := false; !end; {
		if s == "" {
			return "", fmt.Errorf("a value without an end")
		}
		c := s[0]
		s = s[1:]
		switch {
		case c == '"':
			end = true
		case c == '\\':
			if s == "" || !strings.ContainsRune(`\n"`, rune(s[0])) {
				return "", fmt.Errorf("a backslash before %q", s)
			}
			value.WriteByte(map[byte]byte{'\\': '\\', 'n': '\n', '"': '"'}[s[0]])
			s = s[1:]
		default:
			value.WriteByte(c)
		}
	}
	m.labels[name] = value.String()
	if rest, ok := strings.CutPrefix(s, "}"); ok {
		return rest, nil
	}
	if s, ok = strings.CutPrefix(s, ","); !ok {
		return "", fmt.Errorf("no comma at %q", s)
	}
	return m.parseLabels(s)
}

// TestPrometheus: a strict parser takes the text, and finds every name as it is, with what
// was made.
func TestPrometheus(t *testing.T) {
	scene := newScene(t, hostile)
	twin, err := arena.NewArena(arena.Options{Name: hostile}) // The same labels: one sample.
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Free()
	w := get(t, Handler(), "prometheus")
	if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("its type is %s", got)
	}
	list, err := parseMetrics(w.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ToValidUTF8(hostile, "\ufffd")
	value := func(metric string, labels ...string) float64 {
		t.Helper()
	next:
		for _, m := range list {
			if m.name != "growarena_"+metric || len(m.labels) != len(labels)/2 {
				continue
			}
			for i := 0; i < len(labels); i += 2 {
				if m.labels[labels[i]] != labels[i+1] {
					continue next
				}
			}
			return m.value
		}
		t.Errorf("no %s %q", metric, labels)
		return 0
	}
	type sample struct {
		metric      string
		least, most float64
		labels      []string
	}
	samples := []sample{
		{"things", 2, 2, []string{"kind", "arena", "name", name}},
		{"length_bytes", mib, mib, []string{"kind", "arena", "name", name}},
		{"committed_bytes", mib, 64 * mib, []string{"kind", "arena", "name", name}},
		{"growth_steps", 1, 1, []string{"kind", "arena", "name", name, "rung", "alias"}},
		{"stream_end", 3 << 10, 3 << 10, []string{"kind", "stream", "name", name}},
		{"pool_buffers", 1, 1, []string{"kind", "pool", "name", name}},
		{"slab_objects", 60, 60, []string{"name", name}},
		{"slab_class_objects", 60, 60, []string{"name", name, "size", "128"}},
		{"length_bytes", mib, mib, []string{"kind", "follower", "name", name}},
		{"shm_published_bytes", 9, 9, []string{"name", name}},
		{"shm_writer_alive", 1, 1, []string{"name", name}},
		{"pinned", 2, 2, []string{"domain", name}}, // The arena's own domain has its name, too.
		{"retired_bytes", 12345 + 4*mib, 12345 + 4*mib, []string{"domain", name}},
		{"space_windows", 1, 1e6, []string{"space", "default"}},
		{"space_max_vmas", 1, 1e12, []string{"space", "default"}},
		{"space_reserves_total", 5, 1e12, []string{"space", "default"}},
		{"look_seconds", 1e-9, 1e6, nil},
	}
	if page := float64(os.Getpagesize()); scene.tracked {
		samples = append(samples, []sample{
			{"tracked_bytes", mib, mib, []string{"kind", "arena", "name", name}},
			{"tracked_written_bytes", page, page, []string{"kind", "arena", "name", name}},
			{"checkpoints", 1, 1, []string{"kind", "arena", "name", name}},
			{"checkpoint_copied_bytes", mib, mib, []string{"kind", "arena", "name", name}},
			{"checkpoint_pause_seconds", 1e-9, 1e6, []string{"kind", "arena", "name", name}},
			{"trackers", 1, 1, []string{"kind", "tracker", "name", ""}},
			{"tracked_bytes", mib, mib, []string{"kind", "tracker", "name", ""}},
			{"tracked_written_bytes", 2 * page, 2 * page, []string{"kind", "tracker", "name", ""}},
			{"tracked_reports", 1, 1, []string{"kind", "tracker", "name", ""}},
		}...)
	}
	for _, test := range samples {
		if got := value(test.metric, test.labels...); got < test.least || got > test.most {
			t.Errorf("%s %q is %v, want %v to %v", test.metric, test.labels, got, test.least, test.most)
		}
	}
}

// TestParseMetrics: the parser of the tests takes nothing wrong.
func TestParseMetrics(t *testing.T) {
	const head = "# HELP a b\n# TYPE a gauge\n"
	if list, err := parseMetrics(head + "a{x=\"1\\\\\\n\\\"\",y=\"\"} 1e3\na 2\n"); err != nil || len(list) != 2 || list[0].labels["x"] != "1\\\n\"" || list[0].value != 1000 {
		t.Errorf("%v, %v", list, err)
	}
	for _, wrong := range []string{
		"", "a 1\n", head + "a 1", head + "b 1\n", head + "a\n", head + "a x\n", head + "a 1\na 1\n", head + head, head + "a{x=1} 1\n",
		head + "a{x=\"1} 1\n", head + "a{x=\"\\r\"} 1\n", head + "a{x=\"1\" y=\"2\"} 1\n", "# TYPE a gauge\na 1\n", "# HELP a b\n# TYPE a counter\n",
		head + "a{x=\"a\nb\"} 1\n", "# HELP a \n# TYPE a gauge\n",
	} {
		if list, err := parseMetrics(wrong); err == nil {
			t.Errorf("%q is taken as %v", wrong, list)
		}
	}
}
