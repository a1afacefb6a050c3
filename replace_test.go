package growarena_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// user is what somebody who tries the library writes first.
const user = `package main

import (
	"fmt"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

func main() {
	_, _, _ = epoch.NewDomain, pool.New, slab.New
	fmt.Println(arena.PointerFree[[8]int]())
}
`

// TestReplace does what the README says to try the library in another module, here
// one of an older Go, without a network.
func TestReplace(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all of the library for another module")
	}
	goCmd, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	clone, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("(?m)^go mod (edit|tidy).*$").FindAllString(string(readme), -1)
	if len(commands) != 2 {
		t.Fatalf("the README has the commands %q, want two", commands)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/try\n\ngo 1.24\n", "main.go": user} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range append(commands, "go run .", "go list -m -f {{.GoVersion}}") {
		command = strings.Replace(command, "=../growarena", "="+clone, 1)
		cmd := exec.Command(goCmd, strings.Fields(command)[1:]...)
		cmd.Dir = dir
		// What the clone needs has been downloaded for its own tests.
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off", "GONOSUMDB=*", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		switch got := strings.TrimSpace(string(out)); {
		case command == "go run ." && got != "<nil>":
			t.Errorf("the program prints %q", got)
		case strings.HasPrefix(command, "go list") && got != "1.26.0":
			t.Errorf("its go directive is %s, want 1.26.0, as the README says", got)
		}
	}
}
