package memfile

import (
	"errors"
	"fmt"
)

// JoinOnce is errors.Join of errors of many things that are done in the same way: what has
// the same text stands there once, with how often it came.
func JoinOnce(errs ...error) error {
	times := make(map[string]int)
	var distinct []error
	for _, err := range errs {
		if err == nil {
			continue
		}
		if times[err.Error()]++; times[err.Error()] == 1 {
			distinct = append(distinct, err)
		}
	}
	for i, err := range distinct {
		if n := times[err.Error()]; n > 1 {
			distinct[i] = fmt.Errorf("%w (%d times)", err, n)
		}
	}
	return errors.Join(distinct...)
}
