package growth

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/dgraph-io/ristretto/v2/z"
	"github.com/wasilibs/wazero-helpers/allocator"
	modernc "modernc.org/memory"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// first is the capacity that those begin with who have to be given one.
const first = 1 << 20

func nothing() error { return nil }

// libraries are what Go and other libraries offer.
func libraries() []bench.Contender {
	all := []bench.Contender{
		contender("append", func(int) (target, error) {
			var b []byte
			return target{
				write: func(p []byte) error { b = append(b, p...); return nil },
				bytes: func() []byte { return b },
				free:  nothing,
			}, nil
		}),
		contender("bytes.Buffer", func(int) (target, error) {
			b := new(bytes.Buffer)
			return target{
				write: func(p []byte) error { _, err := b.Write(p); return err },
				bytes: b.Bytes,
				free:  nothing,
			}, nil
		}),
		contender("arrow Buffer", arrowBuffer),
		contender("z.Buffer", func(int) (target, error) { return zBuffer(z.NewBuffer(first, "growth"), nil) }),
		contender("z.Buffer mmap, /tmp", func(int) (target, error) { return zBuffer(z.NewBufferTmp("", first)) }),
		contender("z.Buffer mmap, /dev/shm", func(int) (target, error) { return zBuffer(z.NewBufferTmp("/dev/shm", first)) }),
		contender("modernc Realloc", moderncRealloc),
		contender("wazero-helpers", wazeroHelpers),
		{
			Name:   "chunkedbuffer",
			Cannot: "VictoriaMetrics' chunkedbuffer keeps chunks of 4 KiB: there never is one slice of all the bytes, so it copies nothing and cannot be read as a whole",
		},
		contender("64 KiB chunks", chunks),
	}
	notes := map[string]string{
		"append":                  "no capacity given, as when the size is not known",
		"arrow Buffer":            "arrow-go's memory.Buffer with its GoAllocator, doubling as arrow's builders do",
		"z.Buffer":                "ristretto, without jemalloc (cgo): memory from make",
		"z.Buffer mmap, /tmp":     "ristretto, NewBufferTmp: a file in the default directory, mremap",
		"z.Buffer mmap, /dev/shm": "ristretto, NewBufferTmp: a file in a tmpfs, mremap",
		"modernc Realloc":         "modernc.org/memory, doubling",
		"wazero-helpers":          "its non-moving allocator for WebAssembly memories: the limit is reserved at once, and must be known",
		"64 KiB chunks":           "a slice of blocks from make: nothing is ever moved, and there never is one slice of all the bytes. For context",
	}
	for i, c := range all {
		all[i].Note = notes[c.Name]
		all[i].Context = c.Name == "64 KiB chunks"
	}
	return all
}

func arrowBuffer(int) (target, error) {
	b := memory.NewResizableBuffer(memory.NewGoAllocator())
	b.Reserve(first)
	return target{
		write: func(p []byte) error {
			n := b.Len()
			if n+len(p) > b.Cap() {
				b.Reserve(2 * b.Cap())
			}
			b.ResizeNoShrink(n + len(p))
			copy(b.Bytes()[n:], p)
			return nil
		},
		bytes: b.Bytes,
		free:  func() error { b.Release(); return nil },
	}, nil
}

func zBuffer(b *z.Buffer, err error) (target, error) {
	if err != nil {
		return target{}, err
	}
	return target{
		write: func(p []byte) error { _, err := b.Write(p); return err },
		bytes: b.Bytes,
		free:  b.Release,
	}, nil
}

func moderncRealloc(int) (target, error) {
	m := new(modernc.Allocator)
	b, err := m.Malloc(first)
	if err != nil {
		return target{}, err
	}
	n := 0
	return target{
		write: func(p []byte) error {
			if n+len(p) > len(b) {
				bigger, err := m.Realloc(b, 2*len(b))
				if err != nil {
					return err
				}
				b = bigger
			}
			n += copy(b[n:], p)
			return nil
		},
		bytes: func() []byte { return b[:n] },
		free:  m.Close,
	}, nil
}

func wazeroHelpers(size int) (target, error) {
	m := allocator.NewNonMoving().Allocate(0, uint64(size))
	var b []byte
	return target{
		write: func(p []byte) error {
			n := len(b)
			if b = m.Reallocate(uint64(n + len(p))); b == nil {
				return fmt.Errorf("no room for %d bytes", n+len(p))
			}
			copy(b[n:], p)
			return nil
		},
		bytes: func() []byte { return b },
		free:  func() error { m.Free(); return nil },
	}, nil
}

func chunks(int) (target, error) {
	var all [][]byte
	return target{
		write: func(p []byte) error {
			c := make([]byte, len(p))
			copy(c, p)
			all = append(all, c)
			return nil
		},
		// Only for the check: what a reader would have to do.
		bytes: func() []byte { return bytes.Join(all, nil) },
		free:  nothing,
	}, nil
}
