// Package bbolt makes, of the sources of go.etcd.io/bbolt that a module uses, a copy
// whose read transactions never block growth.
//
// bbolt maps its file. When the file outgrows the mapping, it waits until no read
// transaction is open, unmaps, and maps again; transactions that begin meanwhile wait as
// well. A View that is held for minutes, or one that itself waits for a second one,
// stops the database. In the copy, which has the file mapped by a [follow.Follower], the
// file is mapped again elsewhere, and the old mapping goes when the last transaction that
// can see it has ended. File format, durability and all else are bbolt's.
//
// Nothing of bbolt's is kept here. [Generate] finds by the syntax tree what it changes,
// and checks that nothing else in the package depends on what is no longer so; where a version is
// not what it knows, it makes nothing and says where. cmd/growbolt is the command:
//
//	cd dropin && GOWORK=off go run ./bbolt/cmd/growbolt -C path/to/your/module
//
// # What is different
//
//   - Linux only: elsewhere the copy behaves as bbolt does.
//   - DB.mmap takes the lock of the meta pages, shortly, instead of the one that every
//     read transaction holds. Close still waits for all transactions.
//   - A transaction reads the mappings that it has pinned. Slices that a write
//     transaction has handed out stay valid until it ends, also when it outgrows the map.
//   - A mapping that cannot be made leaves the database as it was, and usable. That the
//     kernel takes no advice (MADV_RANDOM) is no error.
//   - Of Options.MmapFlags, MAP_POPULATE works and MAP_NORESERVE does nothing; others are
//     an error.
//   - One more descriptor for each database.
package bbolt
