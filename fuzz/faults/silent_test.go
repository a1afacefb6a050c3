//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"io"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/shm"
	"github.com/growarena/growarena/slab"
	"github.com/growarena/growarena/stream"
)

// world is one of everything, for calls that make no system call.
type world struct {
	space  *addrspace.Space
	window *addrspace.Window
	arena  *arena.Arena
	guard  arena.Guard
	alias  *arena.Alias
	buffer *arena.Buffer
	linear *arena.LinearMemory
	follow *follow.Follower // of arena's file
	seen   follow.Guard
	writer *shm.Writer
	shm    *shm.Follower // of writer
	pool   *pool.Pool
	inPool []byte
	slab   *slab.Allocator
	local  *slab.Local
	stream *stream.Stream
	column *stream.Column[int]
	rows   stream.Guard // of column
	number *int         // in the arena
	object *int         // of the allocator
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{space: newSpace(t, addrspace.Options{})}
	var err error
	w.window, err = w.space.Reserve(2*mib, addrspace.ReserveOptions{})
	must(t, err)
	w.arena, err = arena.NewArena(arena.Options{Space: w.space})
	must(t, err)
	w.number = arena.New[int](w.arena)
	w.guard, err = w.arena.Pin()
	must(t, err)
	w.alias, err = w.arena.Alias(arena.AliasOptions{})
	must(t, err)
	in, err := arena.NewArena(arena.Options{Space: w.space})
	must(t, err)
	w.buffer = arena.NewBufferIn(in)
	_, err = w.buffer.Write(make([]byte, 1000))
	must(t, err)
	w.linear, err = arena.NewLinearMemory(0, mib, arena.LinearOptions{Space: w.space})
	must(t, err)
	f, err := w.arena.File()
	must(t, err)
	w.follow, err = follow.New(f, follow.Options{Space: w.space})
	must(t, err)
	must(t, f.Close())
	must(t, w.follow.Extend(1))
	w.seen, err = w.follow.Pin()
	must(t, err)
	w.writer, err = shm.Create(shm.Options{Arena: arena.Options{Space: w.space}})
	must(t, err)
	_, err = w.writer.Write(make([]byte, 1000))
	must(t, err)
	files, err := w.writer.Files()
	must(t, err)
	w.shm, err = shm.Follow(files, shm.FollowOptions{Space: w.space})
	must(t, err)
	must(t, files.Close())
	w.pool, err = pool.New(pool.Options{Space: w.space})
	must(t, err)
	w.inPool, err = w.pool.Alloc(1000)
	must(t, err)
	w.slab = slab.New(slab.Options{Space: w.space})
	w.object, err = slab.NewOf[int](w.slab)
	must(t, err)
	w.stream, err = stream.New(stream.Options{Space: w.space})
	must(t, err)
	_, err = w.stream.Append(make([]byte, 1000))
	must(t, err)
	w.column, err = stream.NewColumn[int](stream.Options{Space: w.space})
	must(t, err)
	_, err = w.column.Append(1, 2, 3)
	must(t, err)
	w.rows, err = w.column.Pin()
	must(t, err)
	w.local = w.slab.NewLocal()
	b, err := w.local.Alloc(32 * kib)
	must(t, err)
	w.local.Free(b) // It stays at hand.
	return w
}

// sliceRef refers to the object as one to 8 bytes.
func (w *world) sliceRef() slab.SliceRef[byte] {
	return slab.SliceRefTo(w.slab, unsafe.Slice((*byte)(unsafe.Pointer(w.object)), 8))
}

func (w *world) close(t *testing.T) {
	w.guard.Unpin()
	w.seen.Unpin()
	must(t, w.follow.Close())
	must(t, w.shm.Close())
	must(t, w.writer.Close())
	w.alias.Release()
	w.pool.Free(w.inPool)
	w.linear.Free()
	slab.Delete(w.slab, w.object)
	must(t, w.buffer.Free())
	must(t, w.arena.Free())
	must(t, w.pool.Close())
	must(t, w.slab.Close())
	w.rows.Unpin()
	must(t, w.stream.Close())
	must(t, w.column.Close())
	must(t, w.stream.Domain().Shutdown(context.Background()))
	must(t, w.column.Domain().Shutdown(context.Background()))
	must(t, w.window.Release())
	closeSpace(t, w.space)
}

// bytes pins the stream.
func (w *world) bytes() stream.Guard {
	g, err := w.stream.Pin()
	if err != nil {
		panic(err)
	}
	return g
}

// begin takes a row of the column.
func (w *world) begin() stream.Rows {
	r, err := w.column.Begin(1)
	if err != nil {
		panic(err)
	}
	return r
}

// silent are the exported functions that make no system call, each with a call.
var silent = map[string]func(w *world){
	"addrspace.New":            func(w *world) { addrspace.New(addrspace.Options{}) },
	"addrspace.Default":        func(w *world) { addrspace.Default() },
	"addrspace.Range.Len":      func(w *world) { _ = w.window.Range().Len() },
	"addrspace.Range.Contains": func(w *world) { _ = w.window.Range().Contains(0) },
	"addrspace.Range.Overlaps": func(w *world) { _ = w.window.Range().Overlaps(zone) },
	"addrspace.Range.String":   func(w *world) { _ = w.window.Range().String() },
	"addrspace.Space.Lookup":   func(w *world) { w.space.Lookup(zone.Start) },
	"addrspace.Space.Places":   func(w *world) { w.space.Places(zone.Start) },
	"addrspace.Space.All": func(w *world) {
		for range w.space.All() {
		}
	},
	"addrspace.Space.Stats":       func(w *world) { w.space.Stats() },
	"addrspace.Space.Layout":      func(w *world) { w.space.Layout() },
	"addrspace.Space.Zones":       func(w *world) { w.space.Zones() },
	"addrspace.Window.Range":      func(w *world) { w.window.Range() },
	"addrspace.Window.Size":       func(w *world) { w.window.Size() },
	"addrspace.Window.Name":       func(w *world) { w.window.Name() },
	"addrspace.Window.Mapped":     func(w *world) { w.window.Mapped() },
	"addrspace.Window.String":     func(w *world) { _ = w.window.String() },
	"addrspace.Window.SetTouched": func(w *world) { w.window.SetTouched(mib) },
	"addrspace.Window.Base":       func(w *world) { w.window.Base() },
	"addrspace.Window.Bytes":      func(w *world) { w.window.Bytes(0, 0) },

	"arena.Arena.Name":      func(w *world) { w.arena.Name() },
	"arena.Arena.Len":       func(w *world) { w.arena.Len() },
	"arena.Arena.Cap":       func(w *world) { w.arena.Cap() },
	"arena.Arena.Limit":     func(w *world) { w.arena.Limit() },
	"arena.Arena.Bytes":     func(w *world) { w.arena.Bytes() },
	"arena.Arena.Offset":    func(w *world) { w.arena.Offset(w.arena.Bytes()) },
	"arena.Arena.Domain":    func(w *world) { w.arena.Domain() },
	"arena.Arena.NewReader": func(w *world) { w.arena.NewReader().Read(make([]byte, 10)) },
	"arena.Arena.Truncate":  func(w *world) { w.arena.Truncate(w.arena.Len()) },
	"arena.Arena.Reset": func(w *world) {
		w.arena.Reset()
		w.number = arena.New[int](w.arena)
	},
	"arena.Arena.NewLocal": func(w *world) { w.arena.NewLocal() },
	"arena.Arena.Pin": func(w *world) {
		g, err := w.arena.Pin()
		if err == nil {
			g.Unpin()
		}
	},
	"arena.Arena.Read":          func(w *world) { _ = w.arena.Read(func([]byte) error { return nil }) },
	"arena.Guard.Bytes":         func(w *world) { w.guard.Bytes() },
	"arena.Guard.Refresh":       func(w *world) { _ = w.guard.Refresh() },
	"arena.Alias.Bytes":         func(w *world) { w.alias.Bytes() },
	"arena.CatchFault":          func(w *world) { _ = arena.CatchFault(w.space, func() error { return nil }) },
	"arena.FaultError.Error":    func(w *world) { _ = w.fault().Error() },
	"arena.FaultError.Unwrap":   func(w *world) { _ = w.fault().Unwrap() },
	"arena.LinearMemory.Err":    func(w *world) { _ = w.linear.Err() },
	"follow.Follower.Name":      func(w *world) { w.follow.Name() },
	"follow.Follower.Len":       func(w *world) { w.follow.Len() },
	"follow.Follower.Cap":       func(w *world) { w.follow.Cap() },
	"follow.Follower.Domain":    func(w *world) { w.follow.Domain() },
	"follow.Follower.Bytes":     func(w *world) { w.follow.Bytes() },
	"follow.Follower.Stats":     func(w *world) { w.follow.Stats() },
	"follow.Follower.NewReader": func(w *world) { _, _ = w.follow.NewReader().Read(make([]byte, 10)) },
	"follow.Follower.ReadAt":    func(w *world) { _, _ = w.follow.ReadAt(make([]byte, 10), 0) },
	"follow.Follower.Read":      func(w *world) { _ = w.follow.Read(func([]byte) error { return nil }) },
	"follow.Guard.Bytes":        func(w *world) { w.seen.Bytes() },
	"follow.Guard.Refresh":      func(w *world) { _ = w.seen.Refresh() },
	"follow.Follower.Pin": func(w *world) {
		g, err := w.follow.Pin()
		if err == nil {
			g.Unpin()
		}
	},
	"follow.Guard.Unpin": func(w *world) {
		w.seen.Unpin()
		w.seen, _ = w.follow.Pin()
	},
	"shm.ColumnOf":                 func(w *world) { shm.ColumnOf[int64]("") },
	"shm.ValuesOf":                 func(w *world) { shm.ValuesOf(1, 2) },
	"shm.Group.Sync":               func(w *world) { _ = new(shm.Group).Sync() },
	"shm.GroupFollower.Wait":       func(w *world) { _ = new(shm.GroupFollower).Wait(context.Background(), 1) },
	"shm.Group.Rows":               func(w *world) { new(shm.Group).Rows() },
	"shm.GroupFollower.Pin":        func(w *world) { _, _ = new(shm.GroupFollower).Pin() },
	"shm.Inherited":                func(w *world) { shm.Inherited(1 << 20) },
	"shm.Files.Close":              func(w *world) { _ = shm.Files{}.Close() },
	"shm.Mount.Dir":                func(w *world) { new(shm.Mount).Dir() },
	"shm.Mount.File":               func(w *world) { new(shm.Mount).File() },
	"shm.State.String":             func(w *world) { _ = shm.StateLive.String() },
	"shm.Writer.Name":              func(w *world) { w.writer.Name() },
	"shm.Writer.Arena":             func(w *world) { w.writer.Arena() },
	"shm.Writer.Published":         func(w *world) { w.writer.Published() },
	"shm.Writer.Publish":           func(w *world) { w.writer.Publish(w.writer.Published()) },
	"shm.Follower.Name":            func(w *world) { w.shm.Name() },
	"shm.Follower.Sealed":          func(w *world) { w.shm.Sealed() },
	"shm.Follower.Len":             func(w *world) { w.shm.Len() },
	"shm.Follower.Poll":            func(w *world) { _, _ = w.shm.Poll() },
	"shm.Follower.State":           func(w *world) { w.shm.State() },
	"shm.Follower.Wait":            func(w *world) { _ = w.shm.Wait(context.Background(), 1000) },
	"shm.Follower.Read":            func(w *world) { _ = w.shm.Read(func([]byte) error { return nil }) },
	"shm.Follower.NewReader":       func(w *world) { w.shm.NewReader(context.Background(), 0) },
	"shm.Reader.Offset":            func(w *world) { w.shm.NewReader(context.Background(), 0).Offset() },
	"shm.Reader.Read":              func(w *world) { _, _ = w.shm.NewReader(context.Background(), 0).Read(make([]byte, 10)) },
	"shm.Reader.ReadAt":            func(w *world) { _, _ = w.shm.NewReader(context.Background(), 0).ReadAt(make([]byte, 10), 0) },
	"shm.Follower.Front":           func(w *world) { w.shm.Front() },
	"shm.Writer.Front":             func(w *world) { w.writer.Front() },
	"arena.Arena.NewLocalGuard":    func(w *world) { localGuard(w, func(*arena.LocalGuard) {}) },
	"arena.LocalGuard.Close":       func(w *world) { localGuard(w, func(*arena.LocalGuard) {}) },
	"arena.LocalGuard.Pin":         func(w *world) { localGuard(w, func(*arena.LocalGuard) {}) },
	"arena.LocalGuard.Unpin":       func(w *world) { localGuard(w, func(*arena.LocalGuard) {}) },
	"arena.LocalGuard.Bytes":       func(w *world) { localGuard(w, func(g *arena.LocalGuard) { g.Bytes() }) },
	"arena.LocalGuard.Refresh":     func(w *world) { localGuard(w, func(g *arena.LocalGuard) { _ = g.Refresh() }) },
	"shm.Follower.Pin":             func(w *world) { pinShm(w, func(*shm.Guard) {}) },
	"shm.Guard.Unpin":              func(w *world) { pinShm(w, func(*shm.Guard) {}) },
	"shm.Guard.Front":              func(w *world) { pinShm(w, func(g *shm.Guard) { g.Front() }) },
	"shm.Guard.Len":                func(w *world) { pinShm(w, func(g *shm.Guard) { g.Len() }) },
	"shm.Guard.Bytes":              func(w *world) { pinShm(w, func(g *shm.Guard) { g.Bytes() }) },
	"shm.Guard.Check":              func(w *world) { pinShm(w, func(g *shm.Guard) { _ = g.Check(0) }) },
	"shm.Guard.Refresh":            func(w *world) { pinShm(w, func(g *shm.Guard) { _ = g.Refresh() }) },
	"shm.View":                     func(w *world) { pinShm(w, func(g *shm.Guard) { shm.View[int64](g) }) },
	"pool.Pool.Name":               func(w *world) { w.pool.Name() },
	"pool.Pool.Room":               func(w *world) { w.pool.Room() },
	"pool.Pool.Len":                func(w *world) { w.pool.Len(w.inPool) },
	"pool.Pool.Owns":               func(w *world) { w.pool.Owns(w.inPool) },
	"arena.ParseRung":              func(w *world) { _, _ = arena.ParseRung("alias") },
	"arena.PointerFree":            func(w *world) { _ = arena.PointerFree[int]() },
	"arena.RefTo":                  func(w *world) { arena.RefTo(w.arena, w.number) },
	"arena.Ref.IsNil":              func(w *world) { arena.RefTo(w.arena, w.number).IsNil() },
	"arena.Ref.Offset":             func(w *world) { arena.RefTo(w.arena, w.number).Offset() },
	"arena.Ref.In":                 func(w *world) { arena.RefTo(w.arena, w.number).In(w.arena) },
	"arena.Ref.At":                 func(w *world) { arena.RefTo(w.arena, w.number).At(&w.guard) },
	"arena.NewBufferIn":            func(w *world) { arena.NewBufferIn(w.arena) },
	"arena.Buffer.Arena":           func(w *world) { w.buffer.Arena() },
	"arena.Buffer.Bytes":           func(w *world) { w.buffer.Bytes() },
	"arena.Buffer.String":          func(w *world) { _ = w.buffer.String() },
	"arena.Buffer.Len":             func(w *world) { w.buffer.Len() },
	"arena.Buffer.Cap":             func(w *world) { w.buffer.Cap() },
	"arena.Buffer.Available":       func(w *world) { w.buffer.Available() },
	"arena.Buffer.Next":            func(w *world) { w.buffer.Next(1) },
	"arena.Buffer.Peek":            func(w *world) { _, _ = w.buffer.Peek(1) },
	"arena.Buffer.Read":            func(w *world) { _, _ = w.buffer.Read(make([]byte, 1)) },
	"arena.Buffer.ReadAt":          func(w *world) { _, _ = w.buffer.ReadAt(make([]byte, 1), 0) },
	"arena.Buffer.ReadByte":        func(w *world) { _, _ = w.buffer.ReadByte() },
	"arena.Buffer.ReadRune":        func(w *world) { _, _, _ = w.buffer.ReadRune() },
	"arena.Buffer.UnreadByte":      func(w *world) { _ = w.buffer.UnreadByte() },
	"arena.Buffer.UnreadRune":      func(w *world) { _ = w.buffer.UnreadRune() },
	"arena.Buffer.Seek":            func(w *world) { _, _ = w.buffer.Seek(0, io.SeekStart) },
	"arena.Buffer.WriteTo":         func(w *world) { _, _ = w.buffer.WriteTo(io.Discard) },
	"arena.Buffer.Reset":           func(w *world) { w.buffer.Reset() },
	"arena.Buffer.Truncate":        func(w *world) { w.buffer.Truncate(0) },
	"arena.Buffer.ReadBytes":       func(w *world) { _, _ = w.buffer.ReadBytes(0) },
	"arena.Buffer.ReadString":      func(w *world) { _, _ = w.buffer.ReadString(0) },
	"arena.Buffer.AvailableBuffer": func(w *world) { w.buffer.AvailableBuffer() },

	"slab.New":                func(w *world) { slab.New(slab.Options{}) },
	"slab.WriteProfile":       func(w *world) { _ = slab.WriteProfile(io.Discard) },
	"slab.Allocator.Name":     func(w *world) { w.slab.Name() },
	"slab.Allocator.Stats":    func(w *world) { w.slab.Stats() },
	"slab.Allocator.NewLocal": func(w *world) { w.slab.NewLocal().Close() },
	"slab.Local.Trim":         func(w *world) { w.local.Trim() },
	"slab.Local.Close": func(w *world) {
		w.local.Close()
		w.local = w.slab.NewLocal() // for Trim
	},
	"slab.NewArrow":        func(w *world) { slab.NewArrow(w.slab, slab.ArrowOptions{}) },
	"slab.NewCache":        func(w *world) { slab.NewCache[int](w.slab) },
	"slab.Cache.Allocator": func(w *world) { slab.NewCache[int](w.slab).Allocator() },
	"slab.RefTo":           func(w *world) { slab.RefTo(w.slab, w.object) },
	"slab.Ref.IsNil":       func(w *world) { slab.RefTo(w.slab, w.object).IsNil() },
	"slab.Ref.In":          func(w *world) { slab.RefTo(w.slab, w.object).In(w.slab) },
	"slab.SliceRefTo":      func(w *world) { w.sliceRef() },
	"slab.SliceRef.IsNil":  func(w *world) { w.sliceRef().IsNil() },
	"slab.SliceRef.Len":    func(w *world) { w.sliceRef().Len() },
	"slab.SliceRef.In":     func(w *world) { w.sliceRef().In(w.slab) },

	"stream.Stream.Len":        func(w *world) { w.stream.Len() },
	"stream.Stream.Front":      func(w *world) { w.stream.Front() },
	"stream.Stream.Name":       func(w *world) { w.stream.Name() },
	"stream.Stream.Domain":     func(w *world) { w.stream.Domain() },
	"stream.Stream.CloseWrite": func(w *world) { w.stream.CloseWrite() },
	"stream.Stream.Wait":       func(w *world) { _ = w.stream.Wait(context.Background(), 10) },
	"stream.Stream.NewReader":  func(w *world) { w.stream.NewReader(0) },
	"stream.Stream.Follow":     func(w *world) { w.stream.Follow(context.Background(), 0) },
	"stream.Stream.Pin":        func(w *world) { g := w.bytes(); g.Unpin() },
	"stream.Guard.Unpin":       func(w *world) { g := w.bytes(); g.Unpin() },
	"stream.Guard.Front":       func(w *world) { w.rows.Front() },
	"stream.Guard.Len":         func(w *world) { w.rows.Len() },
	"stream.Guard.Refresh":     func(w *world) { _ = w.rows.Refresh() },
	"stream.Guard.Bytes":       func(w *world) { g := w.bytes(); _, _ = g.Bytes(1, 2); g.Unpin() },
	"stream.Guard.All":         func(w *world) { g := w.bytes(); g.All(); g.Unpin() },
	"stream.Column.Append":     func(w *world) { _, _ = w.column.Append(4) },
	"stream.Column.In":         func(w *world) { r := w.begin(); w.column.In(r); r.Publish() },
	"stream.Column.View":       func(w *world) { w.column.View(&w.rows) },
	"stream.Column.All":        func(w *world) { w.column.All(&w.rows) },
	"stream.Rows.First":        func(w *world) { r := w.begin(); r.First(); r.Publish() },
	"stream.Rows.Len":          func(w *world) { r := w.begin(); r.Len(); r.Publish() },
	"stream.Rows.Publish":      func(w *world) { r := w.begin(); r.Publish() },
	"stream.Group.Follow": func(w *world) {
		for range w.column.Follow(context.Background(), 0) {
			break
		}
	},
	"stream.Reader.Offset":  func(w *world) { w.stream.NewReader(0).Offset() },
	"stream.Reader.Size":    func(w *world) { w.stream.NewReader(0).Size() },
	"stream.Reader.Read":    func(w *world) { _, _ = w.stream.NewReader(0).Read(make([]byte, 10)) },
	"stream.Reader.ReadAt":  func(w *world) { _, _ = w.stream.NewReader(0).ReadAt(make([]byte, 10), 1) },
	"stream.Reader.Seek":    func(w *world) { _, _ = w.stream.NewReader(0).Seek(1, io.SeekStart) },
	"stream.Reader.WriteTo": func(w *world) { _, _ = w.stream.NewReader(0).WriteTo(io.Discard) },
}

// fault touches the window, which is Reserved.
func (w *world) fault() *arena.FaultError {
	err := arena.CatchFault(w.space, func() error {
		*(*byte)(unsafe.Add(w.window.Base(), 4711)) = 1
		return nil
	})
	return err.(*arena.FaultError)
}

// pinShm calls f with a guard of the shared buffer.
func pinShm(w *world, f func(g *shm.Guard)) {
	if g, err := w.shm.Pin(); err == nil {
		defer g.Unpin()
		f(&g)
	}
}

// localGuard calls f with a pinned guard of the arena's.
func localGuard(w *world, f func(g *arena.LocalGuard)) {
	g := w.arena.NewLocalGuard()
	defer g.Close()
	if g.Pin() == nil {
		defer g.Unpin()
		f(g)
	}
}
