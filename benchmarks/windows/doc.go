// Package windows measures reserving address space: what a window costs beside the
// bare system calls, however many there are, and how often a window that becomes
// longer where it is hits another.
package windows
