package stream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestReader: it is a file of what there was when it was made.
func TestReader(t *testing.T) {
	s := open(t, stream.Options{Reserve: 4 * mib})
	b := make([]byte, 3*mib+100)
	if testing.Short() {
		b = b[:300<<10]
	}
	testutil.Fill(b, 0)
	must(s.Append(b))
	r := s.NewReader(100)
	must(s.Append([]byte("and more")))
	if err := iotest.TestReader(r, b[100:]); err != nil {
		t.Error(err)
	}
	if _, err := r.Seek(-5, io.SeekEnd); err != nil || r.Size() != int64(len(b)-100) || r.Offset() != int64(len(b)-5) {
		t.Errorf("%v; size %d, offset %d", err, r.Size(), r.Offset())
	}
	var w bytes.Buffer
	if n, err := r.WriteTo(&w); n != 5 || err != nil || !bytes.Equal(w.Bytes(), b[len(b)-5:]) {
		t.Errorf("%d, %v, %q", n, err, w.Bytes())
	}
	must(r.Seek(0, io.SeekStart))
	if n, err := io.Copy(&w, r); n != r.Size() || err != nil || !bytes.Equal(w.Bytes()[5:], b[100:]) {
		t.Errorf("%d, %v", n, err)
	}
	if all, err := io.ReadAll(s.NewReader(1 << 40)); len(all) != 0 || err != nil {
		t.Errorf("beyond the end: %d bytes, %v", len(all), err)
	}
}

// TestReader_Dropped: what was dropped before it was read is an error, and not zeros.
func TestReader_Dropped(t *testing.T) {
	s := open(t, stream.Options{})
	must(s.Append([]byte("0123456789")))
	r := s.NewReader(2)
	if err := s.DropFront(5); err != nil {
		t.Fatal(err)
	}
	_, read := r.Read(make([]byte, 1))
	_, readAt := r.ReadAt(make([]byte, 1), 2)
	_, writeTo := r.WriteTo(io.Discard)
	for name, err := range map[string]error{"Read": read, "ReadAt": readAt, "WriteTo": writeTo} {
		if !errors.Is(err, stream.ErrDropped) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(r.Seek(3, io.SeekStart))
	if all, err := io.ReadAll(r); string(all) != "56789" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	_, before := r.Seek(-1, io.SeekStart)
	_, whence := r.Seek(0, 9)
	_, negative := r.ReadAt(nil, -1)
	if before == nil || whence == nil || !errors.Is(negative, stream.ErrRange) {
		t.Errorf("%v, %v, %v", before, whence, negative)
	}
}

// TestReader_HTTP: ranges of a snapshot come as of a file, and who follows gets each append
// as it comes, until CloseWrite.
func TestReader_HTTP(t *testing.T) {
	s := open(t, stream.Options{})
	must(s.Append([]byte("dropped|0123456789")))
	if err := s.DropFront(8); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/follow" {
			_, _ = io.Copy(w, s.Follow(r.Context(), s.Front()))
			return
		}
		http.ServeContent(w, r, "x.txt", testTime, s.NewReader(s.Front()))
	}))
	defer server.Close()
	get := func(path, ranges string) *http.Response {
		req := must(http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil))
		if ranges != "" {
			req.Header.Set("Range", ranges)
		}
		return must(http.DefaultClient.Do(req))
	}
	for ranges, want := range map[string]string{"": "0123456789", "bytes=2-4": "234", "bytes=-3": "789"} {
		resp := get("/", ranges)
		if body := must(io.ReadAll(resp.Body)); string(body) != want {
			t.Errorf("%q: %q, want %q", ranges, body, want)
		}
		resp.Body.Close()
	}
	resp := get("/follow", "")
	defer resp.Body.Close()
	piece := make([]byte, 100)
	for want := "0123456789"; len(want) > 1; want = want[1:] {
		if n, err := io.ReadFull(resp.Body, piece[:len(want)]); string(piece[:n]) != want || err != nil {
			t.Fatalf("%q, %v, want %q", piece[:n], err, want)
		}
		must(s.Append([]byte(want[1:])))
	}
	s.CloseWrite()
	if rest, err := io.ReadAll(resp.Body); string(rest) != "9" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestReader_FollowEnds: by the context, by Close, and by the writer's error.
func TestReader_FollowEnds(t *testing.T) {
	s := must(stream.New(stream.Options{}))
	must(s.Append([]byte("abc")))
	ctx, cancel := context.WithCancel(t.Context())
	r := s.Follow(ctx, 0)
	if got := must(io.ReadAll(io.LimitReader(r, 3))); string(got) != "abc" {
		t.Errorf("%q", got)
	}
	if n, err := r.ReadAt(make([]byte, 5), 1); n != 2 || err != io.EOF {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	cancel()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	failed := errors.New("failed")
	if n, err := s.Follow(t.Context(), 0).WriteTo(failing{2, failed}); n != 2 || err != failed {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := s.NewReader(0).WriteTo(failing{2, nil}); n != 2 || err != io.ErrShortWrite {
		t.Errorf("%d, %v", n, err)
	}
	ended := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, s.Follow(context.Background(), 0))
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, stream.ErrClosed) || !strings.Contains(err.Error(), `"stream"`) {
		t.Errorf("closed: %v", err)
	}
}

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// failing is a writer that takes so many bytes.
type failing struct {
	n   int
	err error
}

func (f failing) Write(p []byte) (int, error) { return min(f.n, len(p)), f.err }
