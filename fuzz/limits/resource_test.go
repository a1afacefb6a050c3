//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// TestAddresses takes addresses until RLIMIT_AS refuses (ulimit -v): the error names it,
// and some are left to the Go runtime, which would end the process for want of them.
func TestAddresses(t *testing.T) {
	if testutil.Race {
		t.Skip("the race detector takes more addresses than any limit leaves")
	}
	for name, c := range map[string]struct{ step, least int }{
		"windows":       {64 * mib, 16},
		"arena":         {8 * mib, 64},
		"arenas":        {64 * mib, 16},
		"pool":          {100, 512},
		"linear memory": {16 * mib, 32},
		"slab":          {2 * mib, 30},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "arena" && name != "slab" {
				t.Skip("one of many")
			}
			if !testutil.InChild(t, "-v 3000000") {
				return
			}
			u := users[name](t)
			defer u.close(t)
			if n := u.full(t, c.step, addrspace.ErrNoSpace, "RLIMIT_AS is ", "ulimit -v"); n < c.least {
				t.Errorf("%d times %d bytes fit, want %d", n, c.step, c.least)
			}
			u.again(t, c.step)
		})
	}
}

// TestDescriptors makes arenas until RLIMIT_NOFILE refuses (ulimit -n); a pool takes one
// descriptor for however many buffers.
func TestDescriptors(t *testing.T) {
	if !testutil.InChild(t, "-n 64") {
		return
	}
	u := arenas(t)
	defer u.close(t)
	if n := u.full(t, 2*mib, sys.EMFILE, "RLIMIT_NOFILE is 64", "ulimit -n", "Pool"); n < 40 {
		t.Errorf("only %d arenas", n)
	}
	u.again(t, 2*mib)
	p := inPool(t)
	defer p.close(t)
	for range 2000 {
		must(t, p.more(100))
	}
	p.check(t)
}

// TestLengthOfFiles makes files longer until RLIMIT_FSIZE refuses (ulimit -f), which
// counts for memory files, too, and comes with a signal, SIGXFSZ, that a Go program
// survives.
func TestLengthOfFiles(t *testing.T) {
	for name, c := range map[string]struct{ step, least int }{
		"arena":         {mib, 14},
		"pool":          {100, 14},
		"linear memory": {mib, 14},
		"slab":          {mib, 14},
	} {
		t.Run(name, func(t *testing.T) {
			// In units of 512 bytes in dash, of 1024 elsewhere.
			if !testutil.InChild(t, "-f 32768") {
				return
			}
			u := users[name](t)
			defer u.close(t)
			if n := u.full(t, c.step, sys.EFBIG, "RLIMIT_FSIZE is ", "ulimit -f"); n < c.least {
				t.Errorf("%d times %d bytes fit, want %d", n, c.step, c.least)
			}
			u.again(t, c.step)
		})
	}
}

// TestLengthOfFiles_PoolGrows outgrows a band where there is room for little more: what is
// mapped ahead is given up before the growth is, and beyond the limit nothing changes.
func TestLengthOfFiles_PoolGrows(t *testing.T) {
	if !testutil.InChild(t, "-f 32768") {
		return
	}
	p, err := pool.New(pool.Options{Name: "index", Band: mib})
	must(t, err)
	b, err := p.Alloc(100)
	must(t, err)
	mark(b)
	grown, err := p.Grow(b, 10*mib)
	must(t, err)
	if _, err := p.Grow(grown, 40*mib); !errors.Is(err, sys.EFBIG) {
		t.Errorf("growing beyond the limit: %v", err)
	}
	if n := p.Len(b); n != 10*mib {
		t.Errorf("%d bytes long", n)
	}
	marked(t, b)
	marked(t, grown[:100])
	p.Free(b)
	must(t, p.Close())
}

const mapCountFile = "/proc/sys/vm/max_map_count"

// TestMappings takes windows until the Space refuses for vm.max_map_count, at half of it,
// since at all of it the Go runtime ends the process.
func TestMappings(t *testing.T) {
	count := sys.MaxMapCount()
	if count > 200_000 {
		t.Skipf("vm.max_map_count is %d: meeting it takes long", count)
	}
	for _, name := range []string{"windows", "arenas"} {
		t.Run(name, func(t *testing.T) {
			if name == "arenas" && testing.Short() {
				t.Skip("takes seconds")
			}
			ulimit := "-c 0"
			if name == "arenas" {
				ulimit = fmt.Sprintf("-n %d", count) // Each has a descriptor.
				if hardFiles() < uint64(count) {
					t.Skipf("RLIMIT_NOFILE cannot be %d", count)
				}
			}
			if !testutil.InChild(t, ulimit) {
				return
			}
			u := users[name](t)
			defer u.close(t)
			n := u.full(t, 2*mib, addrspace.ErrNoSpace,
				fmt.Sprintf("vm.max_map_count is %d", count), "windows take at most half", "sysctl -w vm.max_map_count=")
			if n < count/2-100 || n > count/2 {
				t.Errorf("%d %s fit, with vm.max_map_count %d", n, name, count)
			}
			u.again(t, 2*mib)
		})
	}
}

// TestMappings_OthersTookThem has the kernel itself refuse, because others than us have
// all mappings but a few: the error tells that, too, and the runtime goes on as long as
// it needs no mapping.
func TestMappings_OthersTookThem(t *testing.T) {
	if testutil.Race {
		t.Skip("the race detector needs mappings all the time")
	}
	count := sys.MaxMapCount()
	if count > 200_000 {
		t.Skipf("vm.max_map_count is %d: meeting it takes long", count)
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if !testutil.InChild(t, "-c 0") {
		return
	}
	u := windows(t)
	defer u.close(t)
	must(t, u.more(2*mib))
	refusal := meetMapLimit(t, count, func() error { return u.more(2 * mib) })
	wantError(t, refusal, addrspace.ErrNoSpace, fmt.Sprintf("vm.max_map_count is %d", count), "sysctl -w vm.max_map_count=")
	must(t, u.more(2*mib))
	u.check(t)
}

// TestMappings_Raised holds 300,000 windows at once, where the setting allows for it or
// can be raised; it is put back afterwards.
func TestMappings_Raised(t *testing.T) {
	if testing.Short() || testutil.Race {
		t.Skip("takes seconds")
	}
	const n = 300_000
	raiseMaxMapCount(t, 2*n+100_000) // In the child there is nothing to be raised any more.
	if !testutil.InChild(t, "-c 0") {
		return
	}
	s := addrspace.New(addrspace.Options{})
	all := make([]*addrspace.Window, n)
	for i := range all {
		w, err := s.Reserve(addrspace.Alignment, addrspace.ReserveOptions{Compact: i%2 == 0})
		must(t, err)
		all[i] = w
	}
	if st := s.Stats(); st.Windows != n || st.VMAs != n || st.KernelPlaced != 0 {
		t.Errorf("%+v", st)
	}
	fd, err := sys.Memfd("limits", 0)
	must(t, err)
	must(t, sys.Truncate(fd, 2*mib))
	for _, w := range all[:100] {
		must(t, w.MapFile(0, os.Getpagesize(), fd, 0, sys.ProtRead|sys.ProtWrite))
		*(*byte)(w.Base()) = 1
		if s.Lookup(w.Range().Start+4095) != w {
			t.Errorf("%v is not found", w)
		}
	}
	for _, w := range all {
		must(t, w.Release())
	}
	must(t, s.Trim())
	must(t, sys.Close(fd))
}

// raiseMaxMapCount sets vm.max_map_count to at least n for the test, or skips it.
func raiseMaxMapCount(t *testing.T, n int) {
	t.Helper()
	old := sys.MaxMapCount()
	if old >= n {
		return
	}
	if err := os.WriteFile(mapCountFile, []byte(strconv.Itoa(n)), 0); err != nil {
		t.Skipf("vm.max_map_count is %d, and cannot be set to %d: %v", old, n, err)
	}
	t.Cleanup(func() { must(t, os.WriteFile(mapCountFile, []byte(strconv.Itoa(old)), 0)) })
}
