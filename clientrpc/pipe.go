package clientrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// MaxRequest is the longest request on a pipe, in octets: a text of 64 KiB with
// every character escaped, and room around it.
const MaxRequest = 1 << 20

// maxCalls bounds the calls of one pipe that run at once.
const maxCalls = 64

// request and response are the lines of a pipe: one JSON object each.
type request struct {
	ID     uint64          `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

type response struct {
	ID       uint64          `json:"id"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
	Handover bool            `json:"handover,omitempty"`
}

// A Handler is the core's end: it runs one call and returns its result.
type Handler func(ctx context.Context, method string, params []byte) (any, error)

// ServePipe answers the calls that come in over c until c ends or ctx is done.
// Calls under way when ctx ends are answered with ErrHandover. It closes c and
// returns when every call has ended.
func ServePipe(ctx context.Context, c net.Conn, h Handler) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()

	// When ctx ends, reading stops; answers of calls under way still go out.
	defer context.AfterFunc(ctx, func() { closeRead(c) })()

	var mu sync.Mutex // guards writes to c
	slots := make(chan struct{}, maxCalls)
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, 4096), MaxRequest)
	for lines.Scan() {
		var req request
		if err := json.Unmarshal(lines.Bytes(), &req); err != nil {
			break
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			resp := run(ctx, h, req)
			line, err := json.Marshal(resp)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			c.Write(append(line, '\n'))
		})
	}
	cancel()
	wg.Wait()
	c.Close()
}

func closeRead(c net.Conn) {
	if u, ok := c.(interface{ CloseRead() error }); ok {
		u.CloseRead()
		return
	}
	c.Close()
}

func run(ctx context.Context, h Handler, req request) response {
	resp := response{ID: req.ID}
	result, err := h(ctx, req.Method, req.Params)
	var e *Error
	switch {
	case err == nil:
		if resp.Result, err = json.Marshal(result); err != nil {
			resp.Error = &Error{Code: CodeInternal, Cause: err.Error()}
		}
	case ctx.Err() != nil:
		resp.Handover = true
	case errors.As(err, &e):
		resp.Error = e
	default:
		resp.Error = &Error{Code: CodeInternal, Cause: err.Error()}
	}
	return resp
}

// A Pipe is the caller's end of a connection to a core in another process.
type Pipe struct {
	c  net.Conn
	mu sync.Mutex
	// by request id; guarded by mu; nil once the pipe is over
	pending map[uint64]chan response
	last    uint64 // guarded by mu
	ended   chan struct{}
}

// NewPipe speaks over c and owns it.
func NewPipe(c net.Conn) *Pipe {
	p := &Pipe{c: c, pending: map[uint64]chan response{}, ended: make(chan struct{})}
	go p.read()
	return p
}

// read hands out answers. It ends when the connection does.
func (p *Pipe) read() {
	defer close(p.ended)
	dec := json.NewDecoder(p.c)
	for {
		var resp response
		if err := dec.Decode(&resp); err != nil {
			break
		}
		p.mu.Lock()
		ch := p.pending[resp.ID]
		delete(p.pending, resp.ID)
		p.mu.Unlock()
		if ch != nil {
			ch <- resp
		}
	}
	p.mu.Lock()
	pending := p.pending
	p.pending = nil
	p.mu.Unlock()
	for _, ch := range pending {
		ch <- response{Handover: true}
	}
}

// Call implements Conn.
func (p *Pipe) Call(ctx context.Context, method string, req, resp any) error {
	params, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	ch := make(chan response, 1)
	id, err := p.send(method, params, ch)
	if err != nil {
		return err
	}
	select {
	case r := <-ch:
		return r.into(resp)
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.pending, id)
		p.mu.Unlock()
		return context.Cause(ctx)
	}
}

func (r *response) into(resp any) error {
	switch {
	case r.Handover:
		return ErrHandover
	case r.Error != nil:
		return r.Error
	case resp == nil:
		return nil
	}
	return json.Unmarshal(r.Result, resp)
}

func (p *Pipe) send(method string, params []byte, ch chan response) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil {
		return 0, ErrHandover
	}
	p.last++
	line, err := json.Marshal(request{ID: p.last, Method: method, Params: params})
	if err != nil {
		return 0, err
	}
	if len(line) >= MaxRequest {
		return 0, &Error{Code: CodeUsage, Cause: fmt.Sprintf("request of %d octets, at most %d", len(line), MaxRequest)}
	}
	if _, err := p.c.Write(append(line, '\n')); err != nil {
		return 0, ErrHandover
	}
	p.pending[p.last] = ch
	return p.last, nil
}

// Close ends the connection and waits for the reader.
func (p *Pipe) Close() error {
	err := p.c.Close()
	<-p.ended
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
