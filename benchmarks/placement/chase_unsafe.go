package placement

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// line is what is read of a page: where the next one is, and a number of its own.
type line struct {
	next uintptr
	id   uint64
}

// at returns the line at an address.
func at(addr uintptr) *line {
	// safety: every address here is one that lines has put a line at, in a window
	// that is mapped until the measurement is over.
	return (*line)(sys.Pointer(addr))
}

// lines writes a line into each of the first pages of every window, and links all of
// them to one ring in random order. It returns their addresses, in the order in which
// windows were made. Where in its page a line lies is left to chance, or all of them
// would compete for the same part of the caches.
func lines(windows []uintptr, pages int) []uintptr {
	addrs := make([]uintptr, 0, len(windows)*pages)
	for _, w := range windows {
		for p := range uintptr(pages) {
			a := w + p*4096 + rand.N[uintptr](4096/64)*64
			at(a).id = uint64(len(addrs))
			addrs = append(addrs, a)
		}
	}
	order := rand.Perm(len(addrs))
	for i, from := range order {
		at(addrs[from]).next = addrs[order[(i+1)%len(order)]]
	}
	return addrs
}

// chase follows the ring so many times around, each read at the address that the last
// one has given, and returns how long a read took.
func chase(addrs []uintptr, rounds int) (float64, error) {
	p, sum := addrs[0], uint64(0)
	start := time.Now()
	for range rounds * len(addrs) {
		l := at(p)
		sum += l.id
		p = l.next
	}
	d := time.Since(start)
	return perRead(d, len(addrs), rounds), checkSum(sum, len(addrs), rounds)
}

// scatter reads all lines so many times in random order, of addresses that are known
// beforehand, so that reads may overlap.
func scatter(addrs []uintptr, rounds int) (float64, error) {
	mixed := make([]uintptr, len(addrs))
	for i, j := range rand.Perm(len(addrs)) {
		mixed[i] = addrs[j]
	}
	sum := uint64(0)
	start := time.Now()
	for range rounds {
		for _, a := range mixed {
			sum += at(a).id
		}
	}
	d := time.Since(start)
	return perRead(d, len(addrs), rounds), checkSum(sum, len(addrs), rounds)
}

func perRead(d time.Duration, n, rounds int) float64 {
	return float64(d.Nanoseconds()) / float64(n*rounds)
}

// checkSum returns an error unless each of n lines was read so many times.
func checkSum(sum uint64, n, rounds int) error {
	if want := uint64(rounds) * uint64(n) * uint64(n-1) / 2; sum != want {
		return fmt.Errorf("%d reads of %d lines gave %d, want %d", n*rounds, n, sum, want)
	}
	return nil
}
