package client

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/omega-im/omega/clientrpc"
)

// works are what takes long and is under way.
type works struct {
	mu   sync.Mutex
	list []*work // guarded by mu
}

// A work is one of them. done and total may be changed while others look.
type work struct {
	kind, path  string
	done, total atomic.Int64
}

// begin notes a work until end is called.
func (w *works) begin(kind, path string) (k *work, end func()) {
	k = &work{kind: kind, path: path}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, k)
	return k, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.list = slices.DeleteFunc(w.list, func(o *work) bool { return o == k })
	}
}

// count adds what was read or written, and returns it.
func (k *work) count(n int, err error) (int, error) {
	k.done.Add(int64(n))
	return n, err
}

// reading counts what is read of r.
func (k *work) reading(r io.Reader) io.Reader { return countedReader{r, k} }

type countedReader struct {
	io.Reader
	work *work
}

func (r countedReader) Read(b []byte) (int, error) { return r.work.count(r.Reader.Read(b)) }

// writing counts what is written to w.
func (k *work) writing(w io.Writer) io.Writer { return countedWriter{w, k} }

type countedWriter struct {
	io.Writer
	work *work
}

func (w countedWriter) Write(b []byte) (int, error) { return w.work.count(w.Writer.Write(b)) }

// listWorks answers clientrpc.Works.
func (c *Client) listWorks(context.Context, clientrpc.None) (clientrpc.WorksResult, error) {
	out := clientrpc.WorksResult{Works: []clientrpc.Work{}}
	c.works.mu.Lock()
	defer c.works.mu.Unlock()
	for _, k := range c.works.list[:min(len(c.works.list), clientrpc.PageMax)] {
		out.Works = append(out.Works, clientrpc.Work{Kind: k.kind, Path: k.path, Done: k.done.Load(), Total: k.total.Load()})
	}
	return out, nil
}
