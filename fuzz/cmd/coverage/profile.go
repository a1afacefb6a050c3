package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A block is a run of statements that are executed together.
type block struct {
	file                   string // from the root of the module
	line, col, line2, col2 int
	statements             int
	reached                bool
}

// pkg returns the package the block is in.
func (b *block) pkg() string { return path.Dir(b.file) }

// parseProfile reads what go test -coverprofile writes. With several packages
// under test each block is there once for each; it is reached if it is so in any.
func parseProfile(r io.Reader, module string) ([]block, error) {
	all := map[block]bool{}
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		text := in.Text()
		if strings.HasPrefix(text, "mode: ") {
			continue
		}
		b, count, err := parseLine(text, module)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all[b] = all[b] || count > 0
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	blocks := make([]block, 0, len(all))
	for b, reached := range all {
		b.reached = reached
		blocks = append(blocks, b)
	}
	slices.SortFunc(blocks, func(a, b block) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.col, b.col))
	})
	return blocks, nil
}

// parseLine reads FILE:LINE.COL,LINE.COL STATEMENTS COUNT.
func parseLine(text, module string) (b block, count int, err error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return b, 0, fmt.Errorf("%q is no block", text)
	}
	file, at, ok := strings.Cut(fields[0], ":")
	if !ok {
		return b, 0, fmt.Errorf("%q names no file", text)
	}
	b.file = strings.TrimPrefix(file, module+"/")
	if _, err := fmt.Sscanf(at, "%d.%d,%d.%d", &b.line, &b.col, &b.line2, &b.col2); err != nil {
		return b, 0, fmt.Errorf("%q: %w", text, err)
	}
	if b.statements, err = strconv.Atoi(fields[1]); err != nil {
		return b, 0, err
	}
	count, err = strconv.Atoi(fields[2])
	return b, count, err
}

// A share is how many of a package's statements are reached.
type share struct{ reached, all int }

// percent returns the share in percent.
func (s share) percent() float64 { return 100 * float64(s.reached) / float64(max(s.all, 1)) }

// shares returns the share of each package.
func shares(blocks []block) map[string]share {
	m := map[string]share{}
	for i := range blocks {
		b := &blocks[i]
		s := m[b.pkg()]
		s.all += b.statements
		if b.reached {
			s.reached += b.statements
		}
		m[b.pkg()] = s
	}
	return m
}
