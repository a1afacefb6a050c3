package testutil

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/growarena/growarena/internal/sys"
)

// plausible lists, per kind of system call, the errnos a healthy kernel can
// answer with when the machine or a limit refuses, the most likely first.
var plausible = map[sys.Call][]syscall.Errno{
	sys.CallMmap:          {syscall.ENOMEM, syscall.EEXIST, syscall.EAGAIN},
	sys.CallMunmap:        {syscall.ENOMEM},
	sys.CallMremap:        {syscall.ENOMEM, syscall.EINVAL, syscall.EFAULT},
	sys.CallMprotect:      {syscall.ENOMEM},
	sys.CallMadvise:       {syscall.EINVAL, syscall.ENOMEM, syscall.EAGAIN, syscall.EBUSY},
	sys.CallMincore:       {syscall.ENOMEM},
	sys.CallPrctl:         {syscall.EINVAL},
	sys.CallMemfdCreate:   {syscall.EMFILE, syscall.ENOMEM, syscall.EPERM},
	sys.CallFtruncate:     {syscall.EFBIG, syscall.EPERM, syscall.EINTR},
	sys.CallAllocate:      {syscall.ENOSPC, syscall.EOPNOTSUPP, syscall.EINTR},
	sys.CallAllocatePlain: {syscall.ENOSPC, syscall.EOPNOTSUPP},
	sys.CallPunch:         {syscall.ENOSPC, syscall.EOPNOTSUPP},
	sys.CallFstat:         {syscall.ENOMEM},
	sys.CallFstatfs:       {syscall.ENOSYS},
	sys.CallDup:           {syscall.EMFILE, syscall.EPERM},
	sys.CallSeal:          {syscall.EPERM, syscall.EINVAL},
	sys.CallOpen:          {syscall.EMFILE, syscall.EOPNOTSUPP},
	sys.CallUnlink:        {syscall.ENOENT},
	sys.CallExtend:        {syscall.ENOSPC, syscall.EOPNOTSUPP},
	sys.CallFlags:         {syscall.EPERM},
	sys.CallLock:          {syscall.EAGAIN, syscall.ENOLCK, syscall.ENOMEM},
	sys.CallFchmod:        {syscall.EPERM},
	sys.CallPwrite:        {syscall.ENOSPC, syscall.EIO},
	sys.CallSeek:          {syscall.EINVAL, syscall.ENXIO},
	sys.CallClock:         {syscall.EINVAL},
	sys.CallFutexWake:     {syscall.EFAULT},
	sys.CallAskLock:       {syscall.ENOLCK, syscall.EINVAL},
	sys.CallLink:          {syscall.ENOSPC, syscall.EEXIST},
	sys.CallFsync:         {syscall.EIO, syscall.ENOSPC},
	sys.CallPread:         {syscall.EIO},
	sys.CallSendmsg:       {syscall.ENOBUFS},
	sys.CallRecvmsg:       {syscall.ENOMEM},
	sys.CallMkdir:         {syscall.ENOSPC},
	sys.CallUserfaultfd:   {syscall.EMFILE, syscall.ENOSYS, syscall.EPERM},
	sys.CallUffdAPI:       {syscall.EINVAL},
	sys.CallUffdRegister:  {syscall.ENOMEM, syscall.EBUSY, syscall.EINVAL},
	sys.CallUffdProtect:   {syscall.ENOENT},
	sys.CallPagemapScan:   {syscall.ENOMEM, syscall.EPERM},
	sys.CallFindData:      {syscall.EINVAL},
	sys.CallMsync:         {syscall.ENOMEM},
	// Not CallFutexWait: it may return for no reason, and the caller looks again.
	// Not CallClose: Linux has closed the descriptor whatever it says.
}

// Errnos returns the errnos a healthy kernel can answer call c with when the
// machine or a limit refuses, the most likely first.
func Errnos(c sys.Call) []syscall.Errno { return plausible[c] }

// Tap runs f and returns the system calls it made, in order, those of helpers and
// reapers among them. Each is put to fault first, with its number from 0: the
// answer, if not zero, is the errno it fails with.
func Tap(f func(), fault func(n int, c sys.Call) syscall.Errno) []sys.Call {
	var mu sync.Mutex
	var calls []sys.Call
	over := false // Helpers may be about to ask.
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return 0
		}
		calls = append(calls, c)
		return fault(len(calls)-1, c)
	})
	defer func() {
		restore()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}()
	f()
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(calls)
}

// FailAll makes every call of kind c fail with errno.
func FailAll(c sys.Call, errno syscall.Errno) (restore func()) {
	return sys.SetHook(func(made sys.Call) syscall.Errno {
		if made == c {
			return errno
		}
		return 0
	})
}

// FailNth makes the n-th call of kind c from now (from 1) fail with errno, once.
func FailNth(c sys.Call, n int, errno syscall.Errno) (restore func()) {
	var of atomic.Int64
	return sys.SetHook(func(made sys.Call) syscall.Errno {
		if made == c && of.Add(1) == int64(n) {
			return errno
		}
		return 0
	})
}

// CountCalls returns how many system calls of each kind f makes.
func CountCalls(f func()) map[sys.Call]int {
	var calls [sys.NumCalls]atomic.Int64
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		calls[c].Add(1)
		return 0
	})
	f()
	restore()
	made := make(map[sys.Call]int)
	for c := range calls {
		if n := calls[c].Load(); n > 0 {
			made[sys.Call(c)] = int(n)
		}
	}
	return made
}
