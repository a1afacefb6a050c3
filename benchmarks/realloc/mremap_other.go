//go:build !linux

package realloc

import "errors"

// mremap does not exist here.
func mremap() allocator {
	return allocator{grow: func([]byte, int) ([]byte, error) { return nil, errors.ErrUnsupported }}
}
