package dropin_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/growarena/growarena/slab"
)

// slabPool is a mem.BufferPool. gRPC does not put back what is as small as
// IsBelowBufferPoolingThreshold says, so that comes from the Go heap. Buffers are
// zero, as those of gRPC's default pool: what one message had in them is not seen in
// another.
type slabPool struct{ *slab.Allocator }

func (p slabPool) Get(n int) *[]byte {
	if mem.IsBelowBufferPoolingThreshold(n) {
		b := make([]byte, n)
		return &b
	}
	b, err := p.AllocZero(n)
	if err != nil {
		panic(err)
	}
	return &b
}

func (p slabPool) Put(b *[]byte) {
	if !mem.IsBelowBufferPoolingThreshold(cap(*b)) {
		p.Free(*b)
	}
}

// Messages and frames of a server and a client on a slab.
func Example_grpc() {
	a := slab.New(slab.Options{Name: "grpc"})
	defer a.Close()
	pool := slabPool{a}
	grpc.NewServer(experimental.BufferPool(pool)) // and experimental.WithBufferPool(pool) for a client

	buf := mem.Copy(bytes.Repeat([]byte("x"), 5000), pool)
	fmt.Println(buf.Len(), a.Stats().Objects)
	buf.Free()
	fmt.Println(a.Stats().Objects)
	// Output:
	// 5000 1
	// 0
}

// countedPool counts what comes from the slab.
type countedPool struct {
	slabPool
	got, out *atomic.Int64
}

func (p countedPool) Get(n int) *[]byte {
	b := p.slabPool.Get(n)
	if !mem.IsBelowBufferPoolingThreshold(cap(*b)) {
		p.got.Add(1)
		p.out.Add(1)
	}
	return b
}

func (p countedPool) Put(b *[]byte) {
	if !mem.IsBelowBufferPoolingThreshold(cap(*b)) {
		p.out.Add(-1)
	}
	p.slabPool.Put(b)
}

// TestGRPC sends messages of many sizes to a server and back, all buffers of both
// from a slab, in debug mode, which notices what is used after it was put back.
func TestGRPC(t *testing.T) {
	a := newSlab(t, slab.Options{Debug: true})
	var got, out atomic.Int64
	pool := countedPool{slabPool{a}, &got, &out}
	defer func() {
		if got.Load() == 0 || out.Load() != 0 {
			t.Errorf("of %d buffers %d were not put back", got.Load(), out.Load())
		}
	}()
	own := mem.DefaultBufferPool()
	experimental.SetDefaultBufferPool(pool) // For the codec.
	defer experimental.SetDefaultBufferPool(own)

	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(experimental.BufferPool(pool), grpc.MaxRecvMsgSize(1<<24))
	server.RegisterService(&echo, struct{}{})
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()

	client, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		experimental.WithBufferPool(pool), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<24)))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 500, 1020, 1024, 1025, 5000, 20_000, 100_000, 1 << 20, 5 << 20} {
		sent := bytes.Repeat([]byte{byte(n), 1, 2, 3, 4}, n/5+1)[:n]
		back := new(wrapperspb.BytesValue)
		if err := client.Invoke(t.Context(), "/dropin.Echo/Echo", wrapperspb.Bytes(sent), back); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if !bytes.Equal(back.Value, sent) {
			t.Errorf("%d bytes came back as others", n)
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	server.GracefulStop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	t.Logf("%d buffers", got.Load())
}

// TestGRPC_Zero checks that buffers come back as those of gRPC's default pool do:
// all zero.
func TestGRPC_Zero(t *testing.T) {
	pools := map[string]mem.BufferPool{"slab": slabPool{newSlab(t, slab.Options{})}, "default": mem.DefaultBufferPool()}
	for name, pool := range pools {
		for _, n := range []int{1025, 5000, 40_000, 2 << 20} {
			for range 3 {
				b := pool.Get(n)
				whole := (*b)[:cap(*b)]
				if len(*b) != n || bytes.Count(whole[:n], []byte{0}) != n {
					t.Fatalf("%s: Get(%d) gives %d bytes, not all zero", name, n, len(*b))
				}
				for i := range whole {
					whole[i] = 0xff
				}
				*b = (*b)[:7] // A prefix may be put back.
				pool.Put(b)
			}
		}
	}
}

// echo is a service that a generator would make.
var echo = grpc.ServiceDesc{
	ServiceName: "dropin.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			m := new(wrapperspb.BytesValue)
			return m, decode(m)
		},
	}},
}
