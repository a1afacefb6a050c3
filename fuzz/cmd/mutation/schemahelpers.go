package main

// helpers is the file that the schema of a package has besides. A change that is met is noted
// in a mapping where that is asked for, with number -1.
const helpers = `

import (
	"cmp"
	"os"
	"strconv"
	"syscall"
)

var mutationActive, mutationMet = mutationStart()

func mutationStart() (int, []byte) {
	name := os.Getenv("` + metVariable + `")
	if name == "" {
		n, _ := strconv.Atoi(os.Getenv("` + activeVariable + `"))
		return n, nil
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		panic(err)
	}
	met, err := syscall.Mmap(int(f.Fd()), 0, int(i.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return -1, met
}

func mutationIs(id int) bool { return mutationActive == id || mutationActive < 0 && mutationMark(id) }

func mutationMark(id int) bool {
	mutationMet[id] = 1
	return false
}

type mutationNumber interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

type mutationInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

func mutationLess[T cmp.Ordered](not, edge int, a, b T) bool {
	return (a < b) != mutationIs(not) || mutationIs(edge) && a == b
}

func mutationLessEqual[T cmp.Ordered](not, edge int, a, b T) bool {
	return (a <= b) != mutationIs(not) && !(mutationIs(edge) && a == b)
}

func mutationGreater[T cmp.Ordered](not, edge int, a, b T) bool {
	return (a > b) != mutationIs(not) || mutationIs(edge) && a == b
}

func mutationGreaterEqual[T cmp.Ordered](not, edge int, a, b T) bool {
	return (a >= b) != mutationIs(not) && !(mutationIs(edge) && a == b)
}

func mutationOne[T mutationNumber](id int) T {
	if mutationIs(id) {
		return T(0) - 1
	}
	return 1
}

func mutationNegative[T mutationNumber](id int, a T) T {
	if mutationIs(id) {
		return a
	}
	return -a
}

func mutationAdd[T mutationNumber](id int, a, b T) T {
	if mutationIs(id) {
		return a - b
	}
	return a + b
}

func mutationSubtract[T mutationNumber](id int, a, b T) T {
	if mutationIs(id) {
		return a + b
	}
	return a - b
}

func mutationMultiply[T mutationNumber](id int, a, b T) T {
	if mutationIs(id) {
		return a / b
	}
	return a * b
}

func mutationDivide[T mutationNumber](id int, a, b T) T {
	if mutationIs(id) {
		return a * b
	}
	return a / b
}

func mutationRemainder[T mutationInteger](id int, a, b T) T {
	if mutationIs(id) {
		return a * b
	}
	return a % b
}
`
