package shm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/shm"
)

// roleEnv tells a process that an experiment has started what it is, channelEnv of which
// channel. It is the same program as its parent, or the same test.
const (
	roleEnv    = "GROWARENA_BENCH_SHM"
	channelEnv = "GROWARENA_BENCH_SHM_CHANNEL"
)

// roles are what such processes do.
var roles = map[string]func() error{"latency": seeLatency, "throughput": seeAll, "victim": beKilled}

func init() {
	role := os.Getenv(roleEnv)
	if role == "" {
		return
	}
	err := fmt.Errorf("no role %q", role)
	if f := roles[role]; f != nil {
		err = f()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", role+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a process with a role.
type child struct {
	cmd *exec.Cmd
	out io.ReadCloser
}

// start starts a process with a role; it says a line when it is ready.
func start(role, channel string, files []*os.File) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), roleEnv+"="+role, channelEnv+"="+channel)
	c.cmd.ExtraFiles, c.cmd.Stderr = files, os.Stderr
	if c.out, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c.out, make([]byte, len(ready))); err != nil {
		return nil, errors.Join(fmt.Errorf("a process that is to be %s: %w", role, err), c.kill())
	}
	return c, nil
}

const ready = "ready\n"

// kill ends the process.
func (c *child) kill() error {
	err := c.cmd.Process.Kill()
	_ = c.cmd.Wait() // It has been killed.
	return err
}

// result waits for what the process says in the end.
func (c *child) result(v any) error {
	return errors.Join(json.NewDecoder(c.out).Decode(v), c.cmd.Wait())
}

// inherited opens the side of a follower, of the files that the process has got, and says so.
func inherited() (follower, error) {
	var files []*os.File
	name := os.Getenv(channelEnv)
	for fd := 3; fd < 6; fd++ {
		f := os.NewFile(uintptr(fd), "inherited")
		if _, err := f.Stat(); err != nil {
			break
		}
		files = append(files, f)
	}
	next, err := channels[name].follow(files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	fmt.Print(ready)
	return next, nil
}

// record is how long a record is. It begins with the time of its store.
const record = 64

// seeLatency tells how long after their store records are seen: of several at once the last one.
func seeLatency() error {
	next, err := inherited()
	if err != nil {
		return err
	}
	h := bench.NewHistogram()
	for {
		b, err := next()
		now := time.Now().UnixNano()
		if err == io.EOF {
			return json.NewEncoder(os.Stdout).Encode(bench.Sample{Latencies: h})
		}
		if err != nil {
			return err
		}
		if len(b)%record != 0 {
			return fmt.Errorf("%d bytes are no records of %d", len(b), record)
		}
		bench.Record(h, now-int64(binary.LittleEndian.Uint64(b[len(b)-record:])))
	}
}

// seen is what a follower has seen: so many bytes, whose words have a sum.
type seen struct {
	Bytes int
	Sum   uint64
}

// add adds what comes next.
func (s *seen) add(b []byte) {
	for s.Bytes%8 != 0 && len(b) > 0 { // A word that came in two pieces.
		s.Sum += uint64(b[0]) << (s.Bytes % 8 * 8)
		s.Bytes, b = s.Bytes+1, b[1:]
	}
	for ; len(b) >= 8; b = b[8:] {
		s.Sum += binary.LittleEndian.Uint64(b)
		s.Bytes += 8
	}
	for _, c := range b {
		s.Sum += uint64(c) << (s.Bytes % 8 * 8)
		s.Bytes++
	}
}

// seeAll adds up all that comes.
func seeAll() error {
	next, err := inherited()
	if err != nil {
		return err
	}
	var s seen
	for {
		b, err := next()
		s.add(b)
		if err == io.EOF {
			return json.NewEncoder(os.Stdout).Encode(s)
		}
		if err != nil {
			return err
		}
	}
}

// beKilled takes over a buffer, publishes a byte, and waits to be killed.
func beKilled() error {
	w, err := shm.TakeOver(shm.Options{Dir: os.Getenv(channelEnv), Name: victim})
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte{1}); err != nil {
		return err
	}
	fmt.Print(ready)
	time.Sleep(time.Minute)
	return fmt.Errorf("it has not been killed")
}

// victim is the name of the buffer whose writer is killed.
const victim = "victim"
