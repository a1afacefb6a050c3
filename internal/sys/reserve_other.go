//go:build (freebsd || aix) && !heapbacked

package sys

// noReserve is nothing where no mapping is counted before it is touched.
const noReserve = 0
