//go:build !heapbacked

package sys

import "math"

// HeapBacked reports that what is mapped is Go heap.
const HeapBacked = false

// ReserveInPlace is how much is reserved of a buffer that can have no second window, where nobody asks
// for more: 64 GiB, or a quarter of what addresses of 32 bits reach.
const ReserveInPlace = min(64<<30, math.MaxInt/4)
