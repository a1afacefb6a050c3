package testutil

import (
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"
)

// Explore runs the steps of a scenario in every order in which its tasks (goroutines,
// processes) can make them: each task is a coroutine, each Point one at which another may go
// on. A depth-first search replays the choices made so far and takes the next branch, with so
// many preemptions at most: moments at which a task that could go on does not.
//
// The types that call Point, in place of those of sync and sync/atomic, are the tested package's,
// in a file of its tests that a build tag puts in place of the usual one.

// Bounds of a search, where a scenario does not say otherwise.
const (
	explorePreemptions = 2
	exploreExecutions  = 100_000
	exploreSteps       = 100_000 // of an execution
)

// Execution is one run of a scenario.
type Execution struct {
	// Preemptions are the most that are tried.
	Preemptions int

	// Finally checks the end: when no task can go on. nil: nothing is checked.
	Finally func()

	tasks   []*task
	cur     *task
	failure string
	ending  bool
}

// task is a coroutine.
type task struct {
	name    string
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	blocked func() bool // nil: it can go on
	done    bool
}

// exploring is the execution under way, nil outside of one.
var exploring *Execution

// unwound ends a task whose execution is over.
type unwound struct{}

// Point lets another task go on. Outside of an execution it does nothing.
func Point() {
	x := exploring
	if x == nil || x.ending || x.cur == nil {
		return
	}
	if !x.cur.yield(struct{}{}) {
		panic(unwound{})
	}
}

// Sleep has the running task wait until woken returns true. Outside of an execution, and at its
// end, it does nothing.
func Sleep(woken func() bool) {
	x := exploring
	if x == nil || x.ending || x.cur == nil {
		return
	}
	p := x.cur
	p.blocked = func() bool { return !woken() }
	Point()
	p.blocked = nil
}

// Fail ends the execution.
func (x *Execution) Fail(format string, args ...any) {
	if x.failure == "" {
		x.failure = x.cur.name + ": " + fmt.Sprintf(format, args...)
	}
	panic(unwound{})
}

// Spawn adds a task.
func (x *Execution) Spawn(name string, f func()) {
	p := &task{name: name}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		defer func() {
			p.done = true
			r := recover()
			if _, ok := r.(unwound); r != nil && !ok && !x.ending {
				x.failure = fmt.Sprintf("%s: panic: %v\n%s", name, r, debug.Stack())
			}
		}()
		if yield(struct{}{}) {
			f()
		}
	})
	x.tasks = append(x.tasks, p)
	p.next()
}

// Kill ends the i-th task, wherever it is.
func (x *Execution) Kill(i int) { x.tasks[i].done = true }

// choice is a moment at which there was more than one way on.
type choice struct{ taken, of int }

// Explore runs all executions of a scenario, which setup begins, and returns the first failure, ""
// for none.
func Explore(t *testing.T, setup func(x *Execution)) string {
	t.Helper()
	var path []choice
	for n := 1; ; n++ {
		x := &Execution{Preemptions: explorePreemptions}
		exploring = x
		setup(x)
		path = x.run(path)
		exploring = nil
		if x.failure != "" {
			return fmt.Sprintf("%s (execution %d)", x.failure, n)
		}
		for len(path) > 0 && path[len(path)-1].taken+1 == path[len(path)-1].of {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			t.Logf("%d executions", n)
			return ""
		}
		path[len(path)-1].taken++
		if n == exploreExecutions {
			t.Fatalf("not done after %d executions", n)
		}
	}
}

// run takes the choices of path, then the first of each, and returns those it has met.
func (x *Execution) run(path []choice) []choice {
	depth, preempted := 0, 0
	for steps := 0; x.failure == ""; steps++ {
		if steps == exploreSteps {
			x.failure = "it goes on for ever"
			break
		}
		ways, current := x.ways()
		if len(ways) == 0 {
			break
		}
		if current && preempted == x.Preemptions {
			ways = ways[:1]
		}
		i := 0
		if len(ways) > 1 {
			if depth == len(path) {
				path = append(path, choice{0, len(ways)})
			}
			i = path[depth].taken
			depth++
		}
		if current && i > 0 {
			preempted++
		}
		x.cur = ways[i]
		x.cur.next()
	}
	x.end()
	return path
}

// ways returns the tasks that can go on, the running one first, and whether it is among them.
func (x *Execution) ways() (ways []*task, current bool) {
	for _, p := range x.tasks {
		switch {
		case p.done || p.blocked != nil && p.blocked():
		case p == x.cur:
			current = true
			ways = append([]*task{p}, ways...)
		default:
			ways = append(ways, p)
		}
	}
	return ways, current
}

// end checks the end, and unwinds the tasks that are left.
func (x *Execution) end() {
	x.ending = true
	if x.failure == "" && x.Finally != nil {
		x.cur = &task{name: "in the end"}
		func() {
			defer func() {
				r := recover()
				if _, ok := r.(unwound); r != nil && !ok {
					x.failure = fmt.Sprintf("in the end: panic: %v\n%s", r, debug.Stack())
				}
			}()
			x.Finally()
		}()
	}
	for _, p := range x.tasks {
		p.stop()
	}
}

// RunExplorer builds the calling package's tests once more under a build tag and runs those
// whose names begin with TestExplore. source is the file whose place another takes then: where
// it is missing the test is skipped, as it is without a go command and with -short.
func RunExplorer(t *testing.T, tag, source string) {
	t.Helper()
	if Race {
		t.Skip("what the explorer runs is one goroutine at a time")
	}
	if testing.Short() {
		t.Skipf("the tests are built once more: go test -tags %s -run Explore .", tag)
	}
	goCmd, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	if _, err := os.Stat(source); err != nil {
		t.Skipf("the sources are not here: %v", err)
	}
	cmd := exec.Command(goCmd, "test", "-tags", tag, "-run", "^TestExplore", "-count", "1", ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}
