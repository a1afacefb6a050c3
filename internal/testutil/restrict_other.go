//go:build !linux || portable

package testutil

import "errors"

// Exec needs Linux.
func (r Restriction) Exec(string, []string) error { return errors.ErrUnsupported }

// Check needs Linux.
func (r Restriction) Check() error { return errors.ErrUnsupported }

// inPlace reports that memory files are emulated.
const inPlace = true
