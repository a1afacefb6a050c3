package fuzz

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// lengthMax bounds random programs: longer ones find no more and take longer to
// understand.
const lengthMax = 2 << 10

// Random returns the i-th random program of a seed: mostly short.
func Random(seed, i uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, i))
	most := 16
	for most < lengthMax && rng.IntN(4) > 0 {
		most *= 2
	}
	program := make([]byte, 1+rng.IntN(most))
	for i := range program {
		program[i] = byte(rng.Uint32())
	}
	return program
}

// corpusHeader begins the files in which package testing keeps programs.
const corpusHeader = "go test fuzz v1\n"

// Encode returns a program as package testing writes it to testdata/fuzz.
func Encode(program []byte) []byte {
	return fmt.Appendf(nil, "%s[]byte(%q)\n", corpusHeader, program)
}

// Decode returns the program of a file that Encode or package testing has
// written; any other file is a program itself.
func Decode(file []byte) ([]byte, error) {
	text, ok := bytes.CutPrefix(file, []byte(corpusHeader))
	if !ok {
		return file, nil
	}
	quoted, ok1 := bytes.CutPrefix(bytes.TrimSpace(text), []byte("[]byte("))
	quoted, ok2 := bytes.CutSuffix(quoted, []byte(")"))
	program, err := strconv.Unquote(string(quoted))
	if !ok1 || !ok2 || err != nil {
		return nil, fmt.Errorf("fuzz: not one []byte: %.100q", text)
	}
	return []byte(program), nil
}

// Save writes a program to a file in dir, named after what is in it, that
// testdata/fuzz takes as it is, and returns its path.
func Save(dir string, program []byte) (path string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	path = filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256(program))[:16])
	return path, os.WriteFile(path, Encode(program), 0o666)
}

// Load reads a program from a file: of testdata/fuzz, of Save, or just bytes.
func Load(path string) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Decode(file)
}
