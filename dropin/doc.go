// Package dropin holds no code, but for the command in package bbolt: its tests plug growarena into other libraries,
// against the libraries themselves. Each file begins with what a user pastes,
// followed by an example and by tests. Some libraries read memory after they have
// freed it, as the garbage collector lets them: the adapters say where, and wait.
//
//	arrow_test.go      apache/arrow-go    memory.Allocator
//	wazero_test.go     tetratelabs/wazero experimental.MemoryAllocator
//	buffer_test.go     bytes.Buffer
//	goarena_test.go    Go's experimental arena
//	ristretto_test.go  dgraph's ristretto z.Calloc, z.Free: testdata/ristretto/z, a file to put into a copy of it
//	pebble_test.go     cockroachdb/pebble internal/manual, which is a copy here
//	swiss_test.go      cockroachdb/swiss  Allocator
//	grpc_test.go       gRPC               mem.BufferPool
//	parquet_test.go    parquet-go         BufferPool
//	bbolt              etcd's bbolt       a command that makes a copy of it whose readers never block growth
//
// It is a module of its own, outside the workspace, so that the library depends on
// none of these: GOWORK=off go test ./... in this directory.
package dropin
