package clientrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// MaxRequest is the longest request on a pipe, in octets: a text of 64 KiB with
// every character escaped, and room around it.
const MaxRequest = 1 << 20

// maxCalls bounds the calls of one pipe that run at once.
const maxCalls = 64

// drainTimeout is how long a core that ends waits for a caller that does not
// read.
const drainTimeout = 2 * time.Second

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

	// When ctx ends, reading stops; answers of calls under way still go out, to
	// a caller that takes them.
	defer context.AfterFunc(ctx, func() {
		c.SetWriteDeadline(time.Now().Add(drainTimeout))
		closeRead(c)
	})()

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
			if _, err := c.Write(append(line, '\n')); err != nil {
				c.Close() // half an answer: the caller could not read the next
			}
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
	c       net.Conn
	writing chan struct{} // holds one element while a request is written

	mu      sync.Mutex
	pending map[uint64]chan response // by request id; guarded by mu; nil once the pipe is over
	last    uint64                   // guarded by mu

	ended chan struct{}
}

// NewPipe speaks over c and owns it.
func NewPipe(c net.Conn) *Pipe {
	p := &Pipe{c: c, writing: make(chan struct{}, 1), pending: map[uint64]chan response{}, ended: make(chan struct{})}
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
	p.c.Close() // after an answer that makes no sense as well
	p.mu.Lock()
	pending := p.pending
	p.pending = nil
	p.mu.Unlock()
	for _, ch := range pending {
		ch <- response{Handover: true}
	}
}

// Call implements Conn. When ctx ends the answer is not waited for; the core
// goes on with the call.
func (p *Pipe) Call(ctx context.Context, method string, req, resp any) error {
	params, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	id, ch, err := p.expect()
	if err != nil {
		return err
	}
	line, err := json.Marshal(request{ID: id, Method: method, Params: params})
	switch {
	case err != nil:
		err = fmt.Errorf("call %s: %w", method, err)
	case len(line) >= MaxRequest:
		err = &Error{Code: CodeUsage, Cause: fmt.Sprintf("request of %d octets, at most %d", len(line), MaxRequest)}
	default:
		err = p.write(ctx, append(line, '\n'))
	}
	if err != nil {
		p.forget(id)
		return err
	}
	select {
	case r := <-ch:
		return r.into(resp)
	case <-ctx.Done():
		p.forget(id)
		return context.Cause(ctx)
	}
}

// expect makes room for an answer.
func (p *Pipe) expect() (uint64, chan response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil {
		return 0, nil, ErrHandover
	}
	p.last++
	ch := make(chan response, 1)
	p.pending[p.last] = ch
	return p.last, ch, nil
}

func (p *Pipe) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pending, id)
}

// write sends one line. Answers are read meanwhile: a core that is busy with
// them takes no request. If ctx ends within the line, the pipe is over.
func (p *Pipe) write(ctx context.Context, line []byte) error {
	select {
	case p.writing <- struct{}{}:
	case <-p.ended:
		return ErrHandover
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.writing }()
	stop := context.AfterFunc(ctx, func() { p.c.SetWriteDeadline(time.Now()) })
	_, err := p.c.Write(line)
	if !stop() || err != nil {
		p.c.Close() // the deadline stays, or half a line went out
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return ErrHandover
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

// Close ends the connection and waits for the reader.
func (p *Pipe) Close() error {
	err := p.c.Close()
	<-p.ended
	if errors.Is(err, net.ErrClosed) {
		return nil // the other end was faster
	}
	return err
}
