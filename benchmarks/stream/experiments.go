package stream

import (
	"runtime"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// Contenders that goals name.
const (
	ours     = "stream"
	ofChunks = "64k-row chunks"
	presized = "pre-sized slices"
	copying  = "copy into a warm array"
	together = "two appenders"
	alone    = "one appender"
	lockedBy = "slice, RWMutex"
)

// Experiments returns tables, tables with retention, appends, and followers by HTTP; smaller
// ones if quick.
func Experiments(quick bool) []bench.Experiment {
	if runtime.GOOS != "linux" {
		return nil
	}
	if quick {
		all := []bench.Experiment{
			table8(7e5).Only(ours, ofChunks, presized), retention(2e6).Only(ours, ofChunks),
			appending(64<<20).Only(ours, copying), appendingTogether(64<<20).Only(together, alone), following(8<<20, 4).Only(ours, lockedBy),
		}
		all[0].Cases, all[1].Cases = all[0].Cases[:1], all[1].Cases[:1]
		return all
	}
	return []bench.Experiment{table8(20e6), retention(100e6), appending(2 << 30), appendingTogether(2 << 30), following(256<<20, 8)}
}

// batches returns the cases of a table that takes so many rows, about.
func batches(rows int64) []bench.Case {
	size := rows / dropEvery * dropEvery * rowSize
	return []bench.Case{
		{Label: "64 rows at once", Size: size, Count: write},
		{Label: "row by row", Size: size, Count: 1},
	}
}

func table8(rows int64) bench.Experiment {
	const work = "One goroutine appends rows of 56 bytes to a table of 8 columns, while four look every 100 µs at 16 times two rows, the newest and one at random, all columns of both in one snapshot, and check them. " +
		"Timed is the writer, from the empty table on; a write is 64 rows, appended at once or one by one. Then the readers go on with nobody writing. Each run has a process of its own, for its peak memory."
	return bench.Experiment{
		Name: "stream-columns", Title: "A table of 8 columns that is read while it grows", Work: work,
		Metric: "seconds", Unit: "s",
		Columns:      []string{"worst-ns", "p99.9-ns", "peak-rss-bytes", "cpu-seconds", "read-p50-ns", "read-p99.9-ns", "alone-p99.9-ns", "read-slowdown"},
		LatencyTitle: "one write of 64 rows",
		Cases:        batches(rows),
		Contenders: []bench.Contender{
			with(contender(ours, 1, openGroup(arena.HugeAuto)), bench.Contender{Ours: true, Note: "a Group with default options: Begin, fill the columns, Publish; readers Pin, View, Unpin"}),
			with(contender(ofChunks, 1, openChunks), bench.Contender{Note: "a list of chunks of the Go heap, each of 64k rows; readers load two atomics. No column is in one piece"}),
			with(contender(presized, 1, openPresized), bench.Contender{Note: "slices with room for all rows, whose number must be known; readers load two atomics"}),
			with(contender("append, RWMutex", 1, openLocked), bench.Contender{Context: true, Note: "append to 8 slices with the lock held; readers hold it for reading"}),
			with(contender("append, atomic.Pointer", 1, openPublished), bench.Contender{Context: true, Note: "append to 8 slices, published anew when it has moved one; readers load two atomics"}),
			with(contender("stream, small pages", 1, openGroup(arena.HugeNever)), bench.Contender{Ours: true, Note: "Options{HugePages: HugeNever}"}),
		},
		Rounds: 5, Child: true, Memory: bench.Times(2),
	}
}

func retention(rows int64) bench.Experiment {
	const kept = 0.1
	return bench.Experiment{
		Name: "stream-retention", Title: "A table of 8 columns that keeps its last rows",
		Work:   "As before, but every 64k rows all but the last tenth of all rows that are going to be written are dropped.",
		Metric: "seconds", Unit: "s",
		Columns:      []string{"worst-ns", "p99.9-ns", "peak-rss-bytes", "cpu-seconds", "read-p50-ns", "read-p99.9-ns", "read-slowdown"},
		LatencyTitle: "one write of 64 rows",
		Cases:        batches(rows),
		Contenders: []bench.Contender{
			with(contender(ours, kept, openGroup(arena.HugeAuto)), bench.Contender{Ours: true, Note: "DropFront"}),
			with(contender(ofChunks, kept, openChunks), bench.Contender{Note: "chunks that are dropped are left to the garbage collector: another one may be read"}),
			{Name: presized, Cannot: "slices that begin with room for all rows keep all of them"},
			with(contender("append, RWMutex", kept, openLocked), bench.Contender{Context: true, Note: "the slices are cut in front; append copies what is left when there is no room behind it"}),
			with(contender("append, atomic.Pointer", kept, openPublished), bench.Contender{Context: true, Note: "the same, published anew"}),
			with(contender("stream, small pages", kept, openGroup(arena.HugeNever)), bench.Contender{Ours: true, Note: "Options{HugePages: HugeNever}"}),
		},
		Rounds: 5, Child: true, Memory: bench.Times(3 * kept),
	}
}

func appending(size int64) bench.Experiment {
	return bench.Experiment{
		Name: "stream-append", Title: "Appending 200 bytes",
		Work: "A goroutine appends records of 200 bytes, of which the last 64 MiB stay; what is left is checked. Timed is all of it, divided by the number of records, and 256 appends at a time, " +
			"the median of which tells what they take where memory is ready.",
		Metric: "ns/op", Unit: "ns", Columns: []string{"p50-ns", "max-ns"}, LatencyTitle: "256 appends",
		Cases: []bench.Case{{Label: "1 appender", Size: size, Goroutines: 1}},
		Contenders: []bench.Contender{
			with(appendContender(ours, 0, openStream), bench.Contender{Ours: true, Note: "Append, and DropFront every 2 MiB"}),
			with(appendContender(copying, 0, openArray), bench.Contender{Note: "64 MiB that were touched before, over and over: nobody can read them meanwhile"}),
			with(appendContender("array, Mutex", 0, openLockedArray), bench.Contender{Context: true, Note: "the same behind a lock, so that there may be several appenders"}),
		},
		Rounds: 5, Memory: bench.Fixed(2 * live),
	}
}

func appendingTogether(size int64) bench.Experiment {
	return bench.Experiment{
		Name: "stream-appenders", Title: "Appending 200 bytes, together",
		Work:   "As before. Compared is the time of an append, by all together, of two goroutines with that of one.",
		Metric: "ns/op", Unit: "ns", Columns: []string{"p50-ns", "max-ns"}, LatencyTitle: "256 appends of one goroutine",
		Cases: []bench.Case{{Label: "200 bytes", Size: size}},
		Contenders: []bench.Contender{
			with(appendContender(together, 2, openStream), bench.Contender{Ours: true, Note: "of one stream"}),
			with(appendContender(alone, 1, openStream), bench.Contender{Note: "a stream as well"}),
			with(appendContender("array, Mutex, two", 2, openLockedArray), bench.Contender{Context: true, Note: "two goroutines copy into an array behind a lock"}),
			with(appendContender("array, Mutex, one", 1, openLockedArray), bench.Contender{Context: true, Note: "one does"}),
		},
		Rounds: 5, Memory: bench.Fixed(2 * live),
	}
}

func following(size int64, clients int) bench.Experiment {
	return bench.Experiment{
		Name: "stream-http", Title: "An HTTP server of a buffer that grows",
		Work: "One goroutine appends blocks of 64 KiB to a buffer, as fast as it can, and clients get all of it by HTTP over the loopback, from the beginning to the end, and check it. " +
			"Timed is all of it. Each run has a process of its own, for its peak memory, that of the clients and their sockets included.",
		Metric: "seconds", Unit: "s", Columns: []string{"write-seconds", "peak-rss-bytes", "cpu-seconds"},
		Cases: []bench.Case{{Label: "to all followers", Size: size, Goroutines: clients}},
		Contenders: []bench.Contender{
			with(feedContender(ours, openStreamFeed), bench.Contender{Ours: true, Note: "io.Copy from Follow: in place, up to 1 MiB at once"}),
			with(feedContender(lockedBy, openSliceFeed), bench.Contender{Note: "append with the lock held; who follows takes up to 1 MiB with it held for reading, and writes without"}),
			with(feedContender("chunks, RWMutex", openChunkFeed), bench.Contender{Context: true, Note: "blocks of 64 KiB in a list: copied once, never in one piece"}),
		},
		Rounds: 5, Child: true, Memory: bench.Times(3),
	}
}

// with returns c as described.
func with(c, as bench.Contender) bench.Contender {
	as.Name, as.Run = c.Name, c.Run
	return as
}
