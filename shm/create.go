package shm

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
)

// Options say how to make a [Writer]. The zero value makes a buffer without a name.
type Options struct {
	// Name appears in errors and in /proc/self/maps. With Dir it is what others find the
	// buffer by: a file name of at most 200 bytes that does not begin with a dot. "" means
	// "shm" without a Dir.
	Name string

	// Dir is the directory that the buffer has its name in: one on a tmpfs, or on a disk
	// for a buffer that outlives the system. "" means none: the buffer is a pair of memory
	// files, sealed against everybody, and followers get descriptors (see [Writer.Files]).
	Dir string

	// Perm says who may follow a buffer with a name: 0 means 0600, its owner alone. Who
	// may read it may also ring the bell, which is all that can be written.
	Perm fs.FileMode

	// Unsealed leaves memory files without seals, for a kernel that has none. Whoever gets
	// a descriptor and may open it for writing can then do harm.
	Unsealed bool

	// Droppable lets [Writer.DropFront] give back what is in front: a log or a feed that goes on
	// for ever with bounded memory. Followers then look once more behind what they read: see
	// [Guard.Check]. Memory files are sealed against being cut alone (F_SEAL_SHRINK), since
	// giving back is writing: a process of the same user that has a descriptor can write to the data.
	Droppable bool

	// Arena says how the writer's own arena is made; Name, File, NoLock and Dropped are set here.
	// Where a store must not meet a full file system, which is a signal (SIGBUS), set
	// Commit: on a tmpfs with a size, and on a disk.
	Arena arena.Options
}

// check panics if the options contradict themselves.
func (o *Options) check() {
	switch {
	case o.Arena.Name != "" || o.Arena.File != nil || o.Arena.NoLock || o.Arena.Dropped != 0:
		panic(fmt.Sprintf("shm: make %q: Options.Arena has a Name, a File, NoLock or Dropped: they are set here", o.Name))
	case o.Arena.HugePages == arena.HugeTLB2M || o.Arena.HugePages == arena.HugeTLB1G:
		panic(fmt.Sprintf("shm: make %q: pages of the hugetlb pool cannot be sealed", o.Name))
	case o.Perm&^fs.ModePerm != 0:
		panic(fmt.Sprintf("shm: make %q: Perm is %v, want permission bits alone", o.Name, o.Perm))
	case o.Dir == "" && o.Perm != 0:
		panic(fmt.Sprintf("shm: make %q: Perm is %v without a Dir: memory files are their owner's alone", o.Name, o.Perm))
	}
}

// Create makes an empty buffer of which the caller is the writer. With a Dir the error wraps
// fs.ErrExist if the name is taken, be it by a writer that is dead: see [TakeOver], [Remove].
// It panics if opts contradict themselves.
func Create(opts Options) (*Writer, error) {
	return createAs(opts, [2]uint64{rand.Uint64(), rand.Uint64()})
}

// createAs is Create of a buffer of that id.
func createAs(opts Options, id [2]uint64) (*Writer, error) {
	opts.check()
	if opts.Name == "" && opts.Dir == "" {
		opts.Name = "shm"
	}
	w := newWriter(opts)
	w.id = id
	var err error
	if opts.Dir == "" {
		err = w.inMemory()
	} else {
		err = w.inDir()
	}
	if err != nil {
		w.drop()
		return nil, fmt.Errorf("shm: make %s: %w", w.where(), err)
	}
	w.thing = census.Enter(w, "shm writer", w.name)
	return w, nil
}

func newWriter(opts Options) *Writer {
	w := &Writer{name: opts.Name, opts: opts, space: opts.Arena.Space}
	if w.space == nil {
		w.space = addrspace.Default()
	}
	if w.opts.Perm == 0 {
		w.opts.Perm = 0o600
	}
	if opts.Droppable {
		w.flags = flagDrops
	}
	return w
}

// where names the buffer for errors.
func (w *Writer) where() string { return where(w.opts.Dir, w.name) }

// inMemory makes a buffer of memory files.
func (w *Writer) inMemory() error {
	if !w.opts.Unsealed {
		w.flags |= flagSealed
	}
	file := func(what string) (*os.File, error) {
		fd, err := sys.Memfd("growarena "+what+" of "+w.name, 0)
		if err != nil {
			return nil, explain(err)
		}
		// Nobody who is handed a descriptor can open one that does more.
		if err := sys.Chmod(fd, 0o600); err != nil {
			_ = sys.Close(fd)
			return nil, err
		}
		return os.NewFile(uintptr(fd), w.name+" "+what), nil
	}
	var err error
	if w.data, err = file("data"); err != nil {
		return err
	}
	if w.control, err = file("control"); err != nil {
		return err
	}
	if w.bell, err = file("bell"); err != nil {
		return err
	}
	if err := w.begin(w.id); err != nil {
		return err
	}
	if w.flags&flagSealed == 0 {
		w.guarded = true
		return nil
	}
	for _, seal := range []struct {
		f     *os.File
		seals int
	}{
		{w.control, sys.SealShrink | sys.SealGrow | sys.SealFutureWrite | sys.SealSeal},
		{w.bell, sys.SealShrink | sys.SealGrow | sys.SealSeal},
	} {
		if err := sys.Seal(fdOf(seal.f), seal.seals); err != nil {
			return fmt.Errorf("seal %s: %w: set Unsealed where the kernel has no such seals (F_SEAL_FUTURE_WRITE, Linux 5.1)", seal.f.Name(), err)
		}
	}
	return nil
}

// begin makes a buffer of three files that are empty and nobody knows.
func (w *Writer) begin(id [2]uint64) error {
	page := int64(os.Getpagesize())
	for _, f := range []*os.File{w.control, w.bell} {
		// With memory: a store must not meet a full file system.
		if err := sys.Extend(fdOf(f), page); err != nil {
			return explain(err)
		}
	}
	if err := lockWriter(fdOf(w.control), w.control.Name()); err != nil {
		return err
	}
	if err := w.mapPages(); err != nil {
		return err
	}
	if err := w.open(0); err != nil {
		return err
	}
	info, err := sys.Stat(fdOf(w.data))
	if err != nil {
		return err
	}
	w.l.version.Store(version)
	w.l.header.Store(headerSize)
	w.l.page.Store(uint32(page))
	w.l.flags.Store(w.flags)
	w.id = id
	w.l.id[0].Store(id[0])
	w.l.id[1].Store(id[1])
	w.l.magic.Store(magic)
	w.live(1, info)
	return nil
}

// mapPages maps control page and bell.
func (w *Writer) mapPages() (err error) {
	if w.page, err = mapPage(w.space, w.name+" control", fdOf(w.control), true); err != nil {
		return err
	}
	w.l = layoutIn(w.page)
	if w.bellPage, err = mapPage(w.space, w.name+" bell", fdOf(w.bell), true); err != nil {
		return err
	}
	w.b = bellIn(w.bellPage)
	return nil
}

// open makes the arena of the data, of which what is before front may be gone.
func (w *Writer) open(front int) (err error) {
	o := w.opts.Arena
	o.Name, o.File, o.Dropped = w.name, w.data, front
	seal := w.flags&flagSealed != 0
	if seal && w.flags&flagDrops != 0 {
		// A file that is sealed against writing has no holes punched into it, either.
		if err := sys.Seal(fdOf(w.data), sys.SealShrink|sys.SealSeal); err != nil {
			return err
		}
		seal = false
	}
	if w.a, err = arena.NewArena(o); err != nil {
		return err
	}
	census.Attribute(w.a, "shm", w.name)
	w.published = w.a.Len()
	w.front = front
	return w.a.Share(seal)
}

// live says that a writer is there, of data that it has looked at.
func (w *Writer) live(generation uint64, data sys.FileInfo) {
	boot := thisBoot()
	w.l.pid.Store(uint32(os.Getpid()))
	w.l.uid.Store(uint32(os.Getuid()))
	w.l.started.Store(uint64(time.Now().UnixNano()))
	w.l.boot[0].Store(boot[0])
	w.l.boot[1].Store(boot[1])
	w.l.inode.Store(data.ID.Inode)
	w.l.begin(generation)
}
