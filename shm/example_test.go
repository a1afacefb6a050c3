//go:build linux && !exploreshm

package shm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/growarena/growarena/shm"
)

// A writer appends, and a reader, here in the same process, follows by the name.
func Example() {
	dir, err := os.MkdirTemp("", "growarena") // Rather on a tmpfs, such as /dev/shm/app.
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	w, err := shm.Create(shm.Options{Dir: dir, Name: "log"})
	if err != nil {
		panic(err)
	}
	f, err := shm.Open(dir, "log", shm.FollowOptions{})
	if err != nil {
		panic(err)
	}
	defer f.Close()

	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.Wait(context.Background(), 6); err != nil {
			panic(err)
		}
		_ = f.Read(func(b []byte) error {
			fmt.Printf("%s\n", b[:5])
			return nil
		})
		fmt.Println(f.Wait(context.Background(), 100)) // There will not be so many.
	}()
	fmt.Fprintln(w, "hello")
	if err := w.Remove(); err != nil { // The name; who follows goes on.
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	<-done
	// Output:
	// hello
	// EOF
}

// Larger pieces are written in place: allocated, filled, and then published.
func ExampleWriter_Publish() {
	w, err := shm.Create(shm.Options{Name: "frames"})
	if err != nil {
		panic(err)
	}
	defer w.Close()
	files, err := w.Files() // For another process: exec.Cmd.ExtraFiles, or Files.Send.
	if err != nil {
		panic(err)
	}
	f, err := shm.Follow(files, shm.FollowOptions{Name: "frames"})
	if err != nil {
		panic(err)
	}
	defer f.Close()
	files.Close()

	frame, err := w.Arena().Alloc(1 << 20)
	if err != nil {
		panic(err)
	}
	fmt.Println(f.Poll())
	frame[0] = 42
	w.Publish(w.Arena().Len())
	fmt.Println(f.Poll())
	// Output:
	// 0 <nil>
	// 1048576 <nil>
}

// Rows, the oldest of which are dropped: a reader looks once more behind what it has read.
func ExampleView() {
	type Trade struct {
		Price  float64
		Volume int64
	}
	const size = 16 // Of a Trade.
	w, err := shm.Create(shm.Options{Name: "trades", Droppable: true})
	if err != nil {
		panic(err)
	}
	defer w.Close()
	files, err := w.Files() // For another process: exec.Cmd.ExtraFiles, or Files.Send.
	if err != nil {
		panic(err)
	}
	f, err := shm.Follow(files, shm.FollowOptions{Name: "trades"})
	if err != nil {
		panic(err)
	}
	defer f.Close()
	files.Close()

	for i := range 1000 { // Any number of goroutines may.
		if _, err := shm.AppendValues(w, Trade{float64(i), 1}); err != nil {
			panic(err)
		}
	}
	if err := w.DropFront(990 * size); err != nil {
		panic(err)
	}

	g, err := f.Pin()
	if err != nil {
		panic(err)
	}
	defer g.Unpin()
	first, trades := shm.View[Trade](&g)
	volume := int64(0)
	for _, t := range trades {
		volume += t.Volume
	}
	if err := g.Check(first * size); err != nil {
		panic(err) // Else: again, from where the front is now.
	}
	fmt.Println("from row", first, "volume", volume)

	_, err = f.NewReader(context.Background(), 0).Read(make([]byte, size))
	fmt.Println(errors.Is(err, shm.ErrDropped))
	// Output:
	// from row 990 volume 10
	// true
}

// A reader that waits for a name has a buffer that is gone at once.
func ExampleAwait() {
	dir, err := os.MkdirTemp("", "growarena") // Rather on a tmpfs, such as /dev/shm/app.
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err := shm.Await(ctx, dir, "log", shm.FollowOptions{})
		if err != nil {
			panic(err)
		}
		defer f.Close()
		_, _ = f.NewReader(ctx, 0).WriteTo(os.Stdout)
	}()
	for { // Until it waits: in other programs it was started before.
		if _, err := os.Stat(filepath.Join(dir, "log.wait")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}

	w, err := shm.Create(shm.Options{Dir: dir, Name: "log"})
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(w, "hello")
	for {
		if awaited, err := w.Awaited(); err != nil || !awaited {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := w.Remove(); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	<-done
	// Output:
	// hello
}

// A tmpfs of one's own: for root, or within a user namespace.
func ExampleNewMount() {
	m, err := shm.NewMount(shm.MountOptions{Size: 1 << 30, Huge: "within_size"})
	if err != nil {
		fmt.Println(err) // With the line of /etc/fstab to ask an administrator for.
		return
	}
	defer m.Close()
	w, err := shm.Create(shm.Options{Dir: m.Dir(), Name: "ticks"})
	if err != nil {
		panic(err)
	}
	defer w.Close()

	cmd := exec.Command("reader") // It opens "ticks" in /proc/self/fd/3.
	cmd.ExtraFiles = []*os.File{m.File()}
	if err := cmd.Run(); err != nil {
		panic(err)
	}
}

// A table of two columns: who follows it sees each row in both.
func ExampleCreateGroup() {
	dir, err := os.MkdirTemp("/dev/shm", "growarena-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	columns := []shm.Column{shm.ColumnOf[float64]("price"), shm.ColumnOf[int32]("size")}
	w, err := shm.CreateGroup(shm.Options{Dir: dir, Name: "trades"}, columns...)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	f, err := shm.OpenGroup(dir, "trades", shm.FollowOptions{}, columns...) // In any process.
	if err != nil {
		panic(err)
	}
	defer f.Close()

	if _, err := w.Append(shm.ValuesOf(12.5, 12.25), shm.ValuesOf[int32](100, 300)); err != nil {
		panic(err)
	}
	if err := f.Wait(context.Background(), 2); err != nil {
		panic(err)
	}
	g, err := f.Pin()
	if err != nil {
		panic(err)
	}
	defer g.Unpin()
	fmt.Println(shm.ViewColumn[float64](g, 0), shm.ViewColumn[int32](g, 1))
	// Output: [12.5 12.25] [100 300]
}
