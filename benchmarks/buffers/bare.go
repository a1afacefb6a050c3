package buffers

import "github.com/growarena/growarena/internal/sys"

// room is how long a buffer of bare mappings can become where it is.
const room = 16 << 20

// files is a file in memory for each buffer, mapped at the beginning of addresses
// that are reserved for it.
func files(count int) (maker, error) {
	fds := make([]int, count)
	mapTo := func(i int, at uintptr, n int) ([]byte, error) {
		if err := sys.Truncate(fds[i], int64(n)); err != nil {
			return nil, err
		}
		return view(at, n), sys.MapShared(at, uintptr(n), fds[i], 0, sys.ProtRead|sys.ProtWrite)
	}
	return maker{
		add: func(i int) (b []byte, err error) {
			if fds[i], err = sys.Memfd("buffer", 0); err != nil {
				return nil, err
			}
			at, err := sys.Reserve(0, room)
			if err == nil {
				if b, err = mapTo(i, at, first); err != nil {
					_ = sys.Unmap(at, room) // the first error counts
				}
			}
			if err != nil {
				_ = sys.Close(fds[i]) // likewise
			}
			return b, err
		},
		grow: func(i int, b []byte, n int) ([]byte, error) { return mapTo(i, addr(b), len(b)+n) },
		drop: func(i int, b []byte) error {
			if err := sys.Close(fds[i]); err != nil {
				return err
			}
			return sys.Unmap(addr(b), room)
		},
		close: nothing,
	}, nil
}

// anonymous is memory of no file at the beginning of addresses that are reserved
// for each buffer.
func anonymous(int) (maker, error) {
	open := func(at uintptr, n int) ([]byte, error) {
		return view(at, n), sys.Protect(at, uintptr(n), sys.ProtRead|sys.ProtWrite)
	}
	return maker{
		add: func(int) ([]byte, error) {
			at, err := sys.Reserve(0, room)
			if err != nil {
				return nil, err
			}
			b, err := open(at, first)
			if err != nil {
				_ = sys.Unmap(at, room) // the first error counts
			}
			return b, err
		},
		grow:  func(_ int, b []byte, n int) ([]byte, error) { return open(addr(b), len(b)+n) },
		drop:  func(_ int, b []byte) error { return sys.Unmap(addr(b), room) },
		close: nothing,
	}, nil
}
