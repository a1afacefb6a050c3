//go:build !portable && !exploreshm

package shm

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// consumer is a follower written from FORMAT.md alone. It ends with 0 when the buffer is
// closed, with 4 when the writer is gone, and prints how many bytes there were and their sum.
const consumer = `
import ctypes, fcntl, mmap, os, platform, struct, sys, time

control, data, bell = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
page = mmap.mmap(control, 4096 if os.sysconf("SC_PAGESIZE") == 4096 else os.sysconf("SC_PAGESIZE"), mmap.MAP_SHARED, mmap.PROT_READ)
ring = mmap.mmap(bell, os.sysconf("SC_PAGESIZE"))
libc = ctypes.CDLL(None, use_errno=True)
FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98}.get(platform.machine())

def u32(off): return struct.unpack_from("=I", page, off)[0]
def u64(off): return struct.unpack_from("=Q", page, off)[0]

def check(ok, what):
    if not ok:
        print("corrupt:", what)
        sys.exit(5)

check(u64(0) == 0x6e657261776f7267, "magic")
check(u32(8) == 1 and u32(12) == 256 and u32(16) == os.sysconf("SC_PAGESIZE"), "header")
check(u32(20) & ~7 == 0, "flags")
check(os.fstat(data).st_ino == u64(160), "inode")
if u32(20) & 1:
    check(fcntl.fcntl(data, 1034) & 2, "seals")  # F_GET_SEALS, F_SEAL_SHRINK

def alive():
    # struct flock of 64-bit Linux: type, whence, start, len, pid
    lock = fcntl.fcntl(control, 36, struct.pack("=hhxxxxqqixxxx", fcntl.F_RDLCK, 0, 0, 1, 0))  # F_OFD_GETLK
    return struct.unpack_from("=h", lock)[0] != fcntl.F_UNLCK

def look(last):
    seq, generation, state = u32(64), u64(72), u32(68)
    if generation != u64(72):
        state = 0
    front, length, capacity = u64(96), u64(88), u64(80)
    check(front <= length, "front")
    check(last[2] <= length <= capacity and length <= os.fstat(data).st_size, "length")
    return seq, state, length

addr = None
last, done, total = (0, 1, 0), 0, 0
while True:
    lived = alive()
    last = look(last)
    seq, state, length = last
    while done < length:
        done = max(done, u64(96))
        b = os.pread(data, min(length - done, 1 << 20), done)
        if u64(96) > done:
            continue  # dropped meanwhile
        total = (total + sum(b)) % (1 << 32)
        done += len(b)
    if state == 2 or not lived:
        break
    ring[0:4] = struct.pack("=I", 1)
    if FUTEX is None:
        time.sleep(0.004)
        continue
    if addr is None:
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        addr = libc.mmap(None, os.sysconf("SC_PAGESIZE"), 1, 1, control, 0)
    timeout = (ctypes.c_long * 2)(0, 4_000_000)
    libc.syscall(FUTEX, ctypes.c_void_p(addr + 64), 0, seq, timeout, None, 0)

print(done, total)
sys.exit(0 if state == 2 else 4)
`

// TestPython has a program follow that knows the layout and nothing of this package.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	if strconv.IntSize < 64 {
		t.Skip("the program has struct flock as it is in 64 bits")
	}
	for name, end := range map[string]func(w *Writer){"closed": func(w *Writer) { _ = w.Close() }, "gone": (*Writer).Abort} {
		t.Run(name, func(t *testing.T) {
			w := create(t, Options{})
			write(t, w, 10)
			files, err := w.Files()
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			cmd := exec.Command(python, "-c", consumer, "3", "4", "5")
			cmd.ExtraFiles = files[:]
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			total := 3 << 20
			if testing.Short() {
				total = 300_000
			}
			for w.Published() < total {
				write(t, w, min(99_999, total-w.Published()))
			}
			sum := uint32(0)
			for _, c := range w.Arena().Bytes() {
				sum += uint32(c)
			}
			end(w)
			_ = cmd.Wait()
			want := map[string]int{"closed": 0, "gone": 4}[name]
			if got := strings.TrimSpace(out.String()); got != strconv.Itoa(total)+" "+strconv.FormatUint(uint64(sum), 10) || cmd.ProcessState.ExitCode() != want {
				t.Errorf("%q, exit code %d; want %d bytes, the sum %d, and %d", got, cmd.ProcessState.ExitCode(), total, sum, want)
			}
		})
	}
}

// TestPython_Dropped has it follow a buffer whose front is dropped, and shows that one that was
// written before there were such does not.
func TestPython_Dropped(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	if strconv.IntSize < 64 {
		t.Skip("the program has struct flock as it is in 64 bits")
	}
	w := create(t, Options{Droppable: true})
	const front, total = 100_000, 300_000
	write(t, w, total)
	if err := w.DropFront(front); err != nil {
		t.Fatal(err)
	}
	sum := uint32(0)
	for _, c := range pattern(front, total) {
		sum += uint32(c)
	}
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		program, out string
		code         int
	}{
		"now":    {consumer, strconv.Itoa(total) + " " + strconv.FormatUint(uint64(sum), 10), 0},
		"before": {strings.Replace(consumer, "~7", "~3", 1), "corrupt: flags", 5},
	} {
		cmd := exec.Command(python, "-c", c.program, "3", "4", "5")
		cmd.ExtraFiles = files[:]
		cmd.Stderr = os.Stderr
		out, _ := cmd.Output()
		if got := strings.TrimSpace(string(out)); got != c.out || cmd.ProcessState.ExitCode() != c.code {
			t.Errorf("%s: %q, exit code %d; want %q and %d", name, got, cmd.ProcessState.ExitCode(), c.out, c.code)
		}
	}
}
