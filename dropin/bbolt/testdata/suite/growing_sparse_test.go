package bbolt

import (
	"bytes"
	"syscall"
)

// GrowingSparse has db punch holes where it would write zeros.
func GrowingSparse(db *DB) {
	const step = 1 << 20
	zeros := make([]byte, step)
	db.ops.writeAt = func(b []byte, off int64) (n int, err error) {
		for n < len(b) && err == nil {
			piece := b[n:min(n+step, len(b))]
			const punch = 0x1 | 0x2 // FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE.
			if !bytes.Equal(piece, zeros[:len(piece)]) ||
				syscall.Fallocate(int(db.file.Fd()), punch, off+int64(n), int64(len(piece))) != nil {
				_, err = db.file.WriteAt(piece, off+int64(n))
			}
			n += len(piece)
		}
		return n, err
	}
}
