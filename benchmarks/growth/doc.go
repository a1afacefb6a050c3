// Package growth grows buffers by small writes, the way an index or a log grows,
// and measures the whole, the worst write and the memory it takes.
package growth
