//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestRecycle_NameStays: a cached window has a name in /proc/self/maps, which a window
// without one must not show. While the kernel refuses to take it away the window stays in
// the cache, and when it does not the window is handed out. Kernels without names have
// none to take away, so it is put there by hand.
func TestRecycle_NameStays(t *testing.T) {
	s := newSpace(t, Options{})
	ok(t, reserve(t, s, 4*mib, ReserveOptions{}).Release())
	s.mu.Lock()
	p := s.cache.newest
	p.vmaName = "old"
	restore := testutil.FailAll(sys.CallMmap, syscall.ENOMEM)
	got := s.recycleLocked(p.len(), ReserveOptions{})
	restore()
	if got != nil || s.cache.newest != p || s.cache.count != 1 || p.vmaName != "old" {
		t.Errorf("recycled %v, %d windows are cached, the name is %q", got, s.cache.count, p.vmaName)
	}
	s.mu.Unlock()
	s.agree(t)
	w := reserve(t, s, 4*mib, ReserveOptions{})
	if w.place != p || p.vmaName != "" {
		t.Errorf("%v is not the cached window without its name %q", w, p.vmaName)
	}
	s.agree(t)
}
