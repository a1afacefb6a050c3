//go:build !portable

package testutil

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exec makes this process the program, under r. It returns only if that fails, and then
// the process should end: some of r may apply to it.
func (r Restriction) Exec(program string, args []string) error {
	// What applies to one thread applies to the program that it executes. The other
	// threads, and with them the Go runtime, go on undisturbed until then.
	runtime.LockOSThread()
	if err := r.enter(); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", program, unix.Exec(program, append([]string{program}, args...), os.Environ()))
}

// Check says why r cannot be had on this machine, or nil. It tries it on a thread that
// ends with that.
func (r Restriction) Check() error {
	r.Limits = nil // They hold for the process.
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // And is never unlocked: the thread ends with the goroutine.
		result <- r.enter()
	}()
	return <-result
}

func (r Restriction) enter() error {
	if r.NoProc {
		if err := hideProc(); err != nil {
			return fmt.Errorf("hide /proc: %w", err)
		}
	}
	for _, l := range r.Limits {
		resource, known := resources[l.Resource]
		if !known {
			return fmt.Errorf("limit %q is not known", l.Resource)
		}
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: l.Value, Max: l.Value}); err != nil {
			return fmt.Errorf("limit %s: %w", l.Resource, err)
		}
	}
	if len(r.Deny) == 0 {
		return nil
	}
	filter, err := r.filter()
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_NO_NEW_PRIVS: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0) // safety: alive for the call.
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

var resources = map[string]int{"as": unix.RLIMIT_AS, "fsize": unix.RLIMIT_FSIZE, "nofile": unix.RLIMIT_NOFILE}

// hideProc puts an empty file system over /proc, for this thread and what it executes.
func hideProc() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	return os.NewSyscallError("mount", unix.Mount("none", "/proc", "tmpfs", unix.MS_RDONLY, ""))
}

// calls are the numbers of the system calls that can be denied.
var calls = map[string]uint32{
	"fallocate":    unix.SYS_FALLOCATE,
	"fcntl":        unix.SYS_FCNTL,
	"ftruncate":    unix.SYS_FTRUNCATE,
	"madvise":      unix.SYS_MADVISE,
	"memfd_create": unix.SYS_MEMFD_CREATE,
	"mincore":      unix.SYS_MINCORE,
	"mprotect":     unix.SYS_MPROTECT,
	"mremap":       unix.SYS_MREMAP,
	"prctl":        unix.SYS_PRCTL,
	"userfaultfd":  unix.SYS_USERFAULTFD,
}

// architectures are what a filter sees of programs of ours.
var architectures = map[string]uint32{
	"amd64":   unix.AUDIT_ARCH_X86_64,
	"arm64":   unix.AUDIT_ARCH_AARCH64,
	"ppc64le": unix.AUDIT_ARCH_PPC64LE,
	"riscv64": unix.AUDIT_ARCH_RISCV64,
	"s390x":   unix.AUDIT_ARCH_S390X,
}

// The fields of struct seccomp_data (seccomp(2)).
const (
	seccompNumber = 0
	seccompArch   = 4
	seccompArgs   = 16 // 8 bytes each
)

// filter returns the program that the kernel runs at each system call.
func (r Restriction) filter() ([]unix.SockFilter, error) {
	arch, known := architectures[runtime.GOARCH]
	if !known {
		return nil, fmt.Errorf("no seccomp filter for %s: %w", runtime.GOARCH, errors.ErrUnsupported)
	}
	low := uint32(0) // half of an argument
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		low = 4
	}
	load := func(off uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}
	}
	// unless skips n instructions if what is loaded is not k.
	unless := func(k uint32, n int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(n), K: k}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	allow := answer(unix.SECCOMP_RET_ALLOW)

	program := []unix.SockFilter{load(seccompArch), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: arch}, allow}
	for _, d := range r.Deny {
		number, known := calls[d.Call]
		errno, named := errnoByName(d.Errno)
		if !known || !named {
			return nil, fmt.Errorf("%s=%s: not known", d.Call, d.Errno)
		}
		var body []unix.SockFilter
		if d.Mask != 0 {
			body = append(body,
				load(seccompArgs+8*uint32(d.Arg)+low),
				unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: d.Mask},
				unless(d.Value, 1))
		}
		body = append(body, answer(unix.SECCOMP_RET_ERRNO|uint32(errno)))
		program = append(append(program, load(seccompNumber), unless(number, len(body))), body...)
	}
	return append(program, allow), nil
}

func errnoByName(name string) (syscall.Errno, bool) {
	if name == "EOPNOTSUPP" { // ENOTSUP is the same number, and has the name.
		return unix.EOPNOTSUPP, true
	}
	for e := syscall.Errno(1); e < 200; e++ {
		if unix.ErrnoName(e) == name {
			return e, true
		}
	}
	return 0, false
}

// inPlace reports that memory files are emulated.
const inPlace = false
