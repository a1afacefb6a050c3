package ingest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestEnoughMemory(t *testing.T) {
	for name, test := range map[string]struct{ meminfo, err string }{
		"plenty":                  {"MemTotal:       24683620 kB\nMemFree:        1 kB\nMemAvailable:   23925128 kB\n", ""},
		"little on a big machine": {"MemTotal:       24683620 kB\nMemAvailable:   923925 kB\n", "902 MiB of 24 GiB"},
		"enough on a small one":   {"MemTotal:       524288 kB\nMemAvailable:   65536 kB\n", ""},
		"little on a small one":   {"MemTotal:       524288 kB\nMemAvailable:   16384 kB\n", "16 MiB of 512 MiB"},
		"nothing known":           {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := enoughMemory(test.meminfo)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %v, want %q", err, test.err)
			}
		})
	}
}

// endless reads as zeros, for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestStream_StopsForWantOfMemory(t *testing.T) {
	s := newStream(context.Background(), slices.Values([]entry{{name: "standard input"}}))
	s.stdin = endless{}
	s.before = func() {}
	asked := 0
	full := errors.New("full")
	s.room = func() error {
		if asked++; asked == 3 {
			return full
		}
		return nil
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, s, make([]byte, 1<<20))
	s.end()
	if n != 3*memoryEvery || err != full {
		t.Errorf("stopped after %d bytes with %v, want %d", n, err, 3*memoryEvery)
	}
}
