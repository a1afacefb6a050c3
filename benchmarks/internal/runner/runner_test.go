package runner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// sampleFlag is what the runner starts the test binary with, as it does the program.
var sampleFlag = flag.String("sample", "", "")

// order is who did what, in this process.
var order []string

// experiments have contenders of each kind.
func experiments(quick bool) []bench.Experiment {
	contender := func(name string, err error) bench.Contender {
		return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
			order = append(order, name)
			return bench.Sample{Values: map[string]float64{"pid": float64(os.Getpid()), "quick": map[bool]float64{true: 1}[quick], "count": float64(c.Count)}}, err
		}}
	}
	e := bench.Experiment{
		Name: "here", Metric: "pid", Rounds: 3, Cases: []bench.Case{{Label: "7", Count: 7}},
		Contenders: []bench.Contender{
			contender("a", nil), contender("b", nil), contender("fails", errors.New("it is broken")),
			{Name: "cannot", Cannot: "readers would crash"},
			{Name: "panics", Run: func(bench.Case) (bench.Sample, error) { panic("argh") }},
		},
	}
	child := e
	child.Name, child.Child, child.Rounds = "child", true, 1
	child.Contenders = append([]bench.Contender{{Name: "dies", Run: func(bench.Case) (bench.Sample, error) {
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(3)
		return bench.Sample{}, nil
	}}}, e.Contenders...)
	return []bench.Experiment{e, child}
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *sampleFlag != "" {
		if err := Child(*sampleFlag, experiments); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	results, err := Run(context.Background(), experiments(true), Options{Quick: true, Progress: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	here, child := results[0], results[1]
	if got := strings.Join(order, " "); got != "a b fails b a a b" {
		t.Errorf("order %q", got)
	}
	if here.Rounds != 3 || child.Rounds != 1 || here.Trimmed != "" {
		t.Errorf("%d and %d rounds, %q", here.Rounds, child.Rounds, here.Trimmed)
	}
	pid := float64(os.Getpid())
	if v := here.Cell("a", "7").Values("pid"); len(v) != 3 || v[0] != pid {
		t.Errorf("here: %v, not three times %v", v, pid)
	}
	cell := child.Cell("a", "7")
	if v := cell.Values("pid"); len(v) != 1 || v[0] == pid || cell.Values("quick")[0] != 1 || cell.Values("count")[0] != 7 {
		t.Errorf("child: %+v, %v", cell.Samples, cell.Err)
	}
	if len(cell.Values("peak-rss-bytes")) != 1 {
		t.Errorf("no peak memory of a child")
	}
	for _, want := range []struct {
		r              *bench.Results
		contender, say string
	}{
		{here, "fails", "it is broken"}, {child, "fails", "it is broken"},
		{here, "panics", "argh"}, {child, "panics", "argh"},
		{child, "dies", "last words"},
	} {
		if cell := want.r.Cell(want.contender, "7"); cell.Err == nil || !strings.Contains(cell.Err.Error(), want.say) || len(cell.Samples) > 0 {
			t.Errorf("%s, %s: %v, want %q", want.r.Experiment.Name, want.contender, cell.Err, want.say)
		}
	}
	if cell := here.Cell("cannot", "7"); cell.Err != nil || cell.Why != "readers would crash" {
		t.Errorf("cannot: %v, %q", cell.Err, cell.Why)
	}
}

func TestRun_Deadline(t *testing.T) {
	results, err := Run(context.Background(), experiments(true)[:1], Options{Progress: io.Discard, Deadline: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Rounds != 1 || !strings.HasPrefix(r.Trimmed, "1 of 3 rounds") || len(r.Cell("b", "7").Samples) != 1 {
		t.Errorf("past the deadline: %d rounds, %q", r.Rounds, r.Trimmed)
	}
	results, err = Run(context.Background(), experiments(true)[:1], Options{Progress: io.Discard, Late: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if cell := results[0].Cell("b", "7"); cell.Err == nil || len(cell.Samples) != 0 {
		t.Errorf("too late for the first round: %+v", cell)
	}
}
