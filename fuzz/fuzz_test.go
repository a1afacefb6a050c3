package fuzz

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "seed of the smoke test's programs; 0 for a new one")
	targetFlag = flag.String("target", "", "the only target to smoke-test or replay; empty for all")
	replayFlag = flag.String("replay", "", "file with a program for TestReplay to run")
)

// A target's smoke test ends with the first of these.
const (
	smokePrograms = 4000
	smokeTime     = 3 * time.Second
)

// needLinux skips where there is no memory to fuzz.
func needLinux(tb testing.TB) {
	if runtime.GOOS != "linux" {
		tb.Skip("needs Linux")
	}
}

// fuzzTarget makes f a native fuzz target of the one with that name, beginning
// with some programs.
func fuzzTarget(f *testing.F, name string, seeds ...[]byte) {
	needLinux(f)
	target, err := Find(name)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds {
		f.Add(s)
	}
	for i := range uint64(20) {
		f.Add(Random(1, i))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if err := target.Try(program); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSmoke runs random programs of each target.
func TestSmoke(t *testing.T) {
	needLinux(t)
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	for _, target := range Targets {
		if *targetFlag != "" && *targetFlag != target.Name {
			continue
		}
		t.Run(target.Name, func(t *testing.T) { smoke(t, target, seed) })
	}
}

func smoke(t *testing.T, target Target, seed uint64) {
	programs, limit := uint64(smokePrograms), smokeTime
	if testing.Short() {
		programs, limit = programs/40, limit/12
	}
	start := time.Now()
	for i := range programs {
		if time.Since(start) > limit {
			programs = i
			break
		}
		program := Random(seed, i)
		if err := target.Try(program); err != nil {
			if longer := (*Longer)(nil); errors.As(err, &longer) {
				program = longer.Program
			} else {
				program = Shrink(target, program, 10*time.Second)
				err = errors.Join(target.Try(program), err)
			}
			dir := filepath.Join(os.TempDir(), "growarena-fuzz", target.Name)
			file, saveErr := Save(dir, program)
			t.Fatalf("seed %d, program %d: %v\nreplay: go test ./fuzz -run Replay -target %s -replay %s %v",
				seed, i, err, target.Name, file, errors.Join(saveErr))
		}
	}
	t.Logf("-seed=%d: %d programs in %v", seed, programs, time.Since(start))
}

// TestReplay runs one program from a file.
func TestReplay(t *testing.T) {
	needLinux(t)
	if *replayFlag == "" {
		t.Skip("needs -target and -replay")
	}
	target, err := Find(*targetFlag)
	if err != nil {
		t.Fatal(err)
	}
	program, err := Load(*replayFlag)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Try(program); err != nil {
		t.Fatal(err)
	}
}

// TestShrink: of a program what fails is left.
func TestShrink(t *testing.T) {
	picky := Target{Run: func(program []byte) error {
		if i := bytes.IndexByte(program, 7); i >= 0 && bytes.IndexByte(program[i:], 9) == 2 {
			return errors.New("7, anything, 9")
		}
		return nil
	}}
	program := append(append(make([]byte, 100, 200), 1, 2, 7, 8, 9, 10), make([]byte, 50)...)
	if got := Shrink(picky, program, time.Minute); !bytes.Equal(got, []byte{7, 0, 9}) {
		t.Errorf("%v is left", got)
	}
}

// TestCanary: what targets find is reported, be it a difference, a panic or a
// fault.
func TestCanary(t *testing.T) {
	needLinux(t)
	page := os.Getpagesize()
	at, err := sys.Reserve(0, uintptr(page))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sys.Unmap(at, uintptr(page)); err != nil {
			t.Error(err)
		}
	}()
	canary := Target{Name: "canary", Run: func(program []byte) error {
		switch program[0] {
		case 1:
			return errors.New("the model has another opinion")
		case 2:
			panic("a broken invariant")
		case 3:
			bytesAt(sys.Pointer(at), page)[7]++
		}
		return nil
	}}
	for op, want := range []string{"", "another opinion", "panic: a broken invariant", fmt.Sprintf("fault at %#x", at+7)} {
		err := canary.Try([]byte{byte(op)})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("program %d: %v, want %q", op, err, want)
		}
	}
}

// TestProgram: random programs are the seed's, and come back from files.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[string]bool)
	for i := range uint64(100) {
		program := Random(7, i)
		if len(program) == 0 || len(program) > lengthMax || !bytes.Equal(program, Random(7, i)) {
			t.Fatalf("program %d has %d bytes, and again %d", i, len(program), len(Random(7, i)))
		}
		seen[string(program)] = true
		path, err := Save(dir, program)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if err != nil || !bytes.Equal(got, program) {
			t.Errorf("saved %q, loaded %q, %v", program, got, err)
		}
		if got, err := Decode(program); err != nil || !bytes.Equal(got, program) {
			t.Errorf("just bytes: %q is decoded as %q, %v", program, got, err)
		}
	}
	if len(seen) < 90 {
		t.Errorf("of 100 programs %d differ", len(seen))
	}
	if _, err := Decode([]byte(corpusHeader + "int(7)\n")); err == nil {
		t.Error("a number is no program")
	}
}

// BenchmarkTargets measures short programs, one after the other: as many a second
// and core as the target can run.
func BenchmarkTargets(b *testing.B) {
	needLinux(b)
	for _, target := range Targets {
		var programs [][]byte
		for i := uint64(0); len(programs) < 200; i++ {
			if p := Random(1, i); len(p) <= 64 {
				programs = append(programs, p)
			}
		}
		b.Run("target="+target.Name, func(b *testing.B) {
			i := 0
			busy, kernel := cpuTime()
			for b.Loop() {
				if err := target.Try(programs[i%len(programs)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "programs/s")
			busyNow, kernelNow := cpuTime()
			if busy = busyNow - busy; busy > 0 { // with much else to do for the machine
				b.ReportMetric(float64(i)/busy.Seconds(), "programs/cpu-s")
				b.ReportMetric(100*(kernelNow-kernel).Seconds()/busy.Seconds(), "%kernel")
			}
			if target.Settle != nil {
				target.Settle()
			}
		})
	}
}
