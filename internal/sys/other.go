//go:build !linux || portable

package sys

import (
	"errors"
	"math"
	"os"
	"syscall"
	"time"
)

// What only Linux knows exists so that callers compile.
const (
	ProtNone  = 0
	ProtRead  = 1
	ProtWrite = 2

	AdviseDontNeed = iota
	AdviseDontDump
	AdviseDoDump
	AdviseHugePage
	AdviseNoHugePage
	AdvisePopulateRead
	AdvisePopulateWrite
	AdviseRemove
	AdviseCollapse
	AdviseGuardInstall
	AdviseGuardRemove

	RemapKeep = 4

	SealSeal   = 1
	SealShrink = 2
	SealGrow   = 4
	SealWrite  = 8

	SealFutureWrite = 16
)

func unsupported(c Call) error {
	if e := injected(c); e != 0 {
		return result(c, e)
	}
	return os.NewSyscallError(c.String(), errors.ErrUnsupported)
}

func Remap(old, oldSize, newSize, to uintptr, flags int) error {
	return unsupported(CallMremap)
}
func Resident(addr, n uintptr) (int, error)        { return 0, unsupported(CallMincore) }
func Name(addr, n uintptr, name string) error      { return unsupported(CallPrctl) }
func TempFile(dir string) (int, error)             { return -1, unsupported(CallOpen) }
func TempFileIn(dir int, name string) (int, error) { return -1, unsupported(CallOpen) }
func Opened(fd int) (readWrite, appends bool, err error) {
	return false, false, unsupported(CallFlags)
}
func Reopen(fd int, write bool) (int, error) { return -1, unsupported(CallOpen) }
func Own(fd int) error                       { return unsupported(CallFchmod) }
func Lock(fd int) error                      { return unsupported(CallLock) }
func Unlock(fd int) error                    { return unsupported(CallLock) }
func LockHolder(id FileID) string            { return "" }
func ThreadTime() time.Duration              { return 0 }
func LimitAS() uint64                        { return math.MaxUint64 }
func LimitFiles() uint64                     { return math.MaxUint64 }
func LimitFileSize() uint64                  { return math.MaxUint64 }
func NoMemory() error                        { return result(CallMmap, ENOMEM) }
func IsLimit(err error) bool                 { return errors.Is(err, ENOMEM) }
func LockByte(fd int, off int64) error       { return unsupported(CallLock) }
func UnlockByte(fd int, off int64) error     { return unsupported(CallLock) }
func ByteLocked(fd int, off int64) (bool, error) {
	return false, unsupported(CallAskLock)
}
func FutexWait(addr uintptr, old uint32, timeout time.Duration) (bool, error) {
	return false, unsupported(CallFutexWait)
}
func FutexWake(addr uintptr) error { return unsupported(CallFutexWake) }
func Create(dir string, perm uint32) (NewFile, error) {
	return NewFile{Fd: -1}, unsupported(CallOpen)
}
func OpenName(path string, write bool) (int, error)   { return -1, unsupported(CallOpen) }
func OwnDir(path string) error                        { return unsupported(CallMkdir) }
func ReadAt(fd int, b []byte, off int64) (int, error) { return 0, unsupported(CallPread) }
func Unlink(path string) error                        { return unsupported(CallUnlink) }
func IDOf(path string) (FileID, error)                { return FileID{}, unsupported(CallFstat) }
func Chmod(fd int, perm uint32) error                 { return unsupported(CallFchmod) }
func Sync(fd int) error                               { return unsupported(CallFsync) }
func SyncDir(dir string) error                        { return unsupported(CallFsync) }
func SendFiles(c RawConn, fds []int) error            { return unsupported(CallSendmsg) }
func ReceiveFiles(c RawConn, n int) ([]int, error)    { return nil, unsupported(CallRecvmsg) }
func Tmpfs(options ...[2]string) (int, error)         { return -1, unsupported(CallFsopen) }
func Attach(fd int, dir string) error                 { return unsupported(CallMoveMount) }
func Watch() (int, error)                             { return -1, unsupported(CallUserfaultfd) }
func WatchMoving() (int, error)                       { return -1, unsupported(CallUserfaultfd) }
func TakeMove(fd int)                                 {}
func WatchRange(fd int, addr, n uintptr) error        { return unsupported(CallUffdRegister) }
func UnwatchRange(fd int, addr, n uintptr) error      { return unsupported(CallUffdUnregister) }
func ClearRange(fd int, addr, n uintptr) error        { return unsupported(CallUffdProtect) }
func Pagemap() (int, error)                           { return -1, unsupported(CallOpen) }
func ScanPages(pagemap int, start, end uintptr, what Pages, runs []PageRun) (int, uintptr, error) {
	return 0, start, unsupported(CallPagemapScan)
}
func Seal(fd, seals int) error    { return unsupported(CallSeal) }
func Seals(fd int) int            { return 0 }
func Maps(f func(VMA) bool) error { return errors.ErrUnsupported }
func CountMaps() (int, error)     { return 0, errors.ErrUnsupported }

// FileInfo is what Stat tells about a file.
type FileInfo struct {
	ID              FileID
	Size, Allocated int64
	Regular         bool
	Perm            uint32
}

// FileSystem is what FileSystemOf tells.
type FileSystem struct {
	HugePage     int
	Made, Memory bool
}

// FileID tells files apart.
type FileID struct{ Device, Inode uint64 }

// NewFile is a file that is being made in a directory.
type NewFile struct{ Fd int }

func (f *NewFile) Link(path string) error { return unsupported(CallLink) }
func (f *NewFile) Forget()                {}

// PageRun is a run of pages.
type PageRun struct{ Start, End uint64 }

func NewPageRuns(n int) []PageRun { return make([]PageRun, n) }

// Pages says which pages ScanPages looks for.
type Pages uint8

// The pages of memory that is watched.
const (
	PagesWritten Pages = iota
	PagesAbsent
	PagesPeek
)

// RawConn is what a connection gives access to its descriptor with.
type RawConn = syscall.RawConn
