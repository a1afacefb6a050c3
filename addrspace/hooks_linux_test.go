//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// countCalls returns how many system calls f makes.
func countCalls(f func()) (n int) {
	for _, c := range testutil.CountCalls(f) {
		n += c
	}
	return n
}

// limitAS lets windows have n bytes of addresses more than the process has now.
func limitAS(t *testing.T, n uint64) (restore func()) {
	t.Helper()
	var old syscall.Rlimit
	ok(t, syscall.Getrlimit(syscall.RLIMIT_AS, &old))
	now := old
	now.Cur = sys.AddressesUsed() + n
	now.Cur += min(now.Cur/7, addressesKept) // an eighth of the sum
	ok(t, syscall.Setrlimit(syscall.RLIMIT_AS, &now))
	return func() { ok(t, syscall.Setrlimit(syscall.RLIMIT_AS, &old)) }
}
