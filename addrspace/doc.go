// Package addrspace hands out windows: ranges of addresses that nobody else in
// the process has.
package addrspace
