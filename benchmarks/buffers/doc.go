// Package buffers counts how many buffers that can grow where they are live at the
// same time before a limit of the system refuses the next.
package buffers
