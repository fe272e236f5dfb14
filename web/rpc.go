package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/omega-im/omega/clientrpc"
)

// Bounds of a WebSocket.
const (
	maxCalls     = 64 // at once
	writeTimeout = 20 * time.Second
	pingEvery    = 15 * time.Second
)

// Subprotocol is how a page asks for calls of clientrpc.
const Subprotocol = "omega.v1"

// A request is one message of a page: a call, or the end of one.
type request struct {
	ID     uint64          `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
	Cancel bool            `json:"cancel,omitempty"` // the call with that id
}

// An answer to a call.
type answer struct {
	ID     uint64           `json:"id"`
	Result json.RawMessage  `json:"result,omitempty"`
	Error  *clientrpc.Error `json:"error,omitempty"`
}

// A tab is one page that is connected. Its reader owns the calls.
type tab struct {
	s    *Server
	conn *websocket.Conn

	mu    sync.Mutex
	calls map[uint64]context.CancelFunc // under way; guarded by mu
}

// rpc serves one page until it goes.
func (s *Server) rpc(w http.ResponseWriter, r *http.Request) {
	select {
	case s.pipes <- struct{}{}:
		defer func() { <-s.pipes }()
	default:
		http.Error(w, "too many tabs are open", http.StatusServiceUnavailable)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{Subprotocol}, CompressionMode: websocket.CompressionDisabled, // it stays on this machine
	})
	if err != nil {
		return // it was answered
	}
	conn.SetReadLimit(clientrpc.MaxRequest)
	t := &tab{s: s, conn: conn, calls: map[uint64]context.CancelFunc{}}
	t.serve(r.Context())
}

// serve reads calls until the page goes or ctx is done. It returns when every call
// has ended.
func (t *tab) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer t.conn.CloseNow()
	defer cancel()
	wg.Go(func() { t.ping(ctx, cancel) })
	slots := make(chan struct{}, maxCalls)
	for {
		_, b, err := t.conn.Read(ctx)
		var q request
		if err != nil || json.Unmarshal(b, &q) != nil {
			return
		}
		if q.Cancel {
			t.cancel(q.ID)
			continue
		}
		select {
		case slots <- struct{}{}:
		default: // pages keep below that
			if t.write(ctx, &answer{ID: q.ID, Error: &clientrpc.Error{Code: codeAgain}}) != nil {
				return
			}
			continue
		}
		one, end := context.WithCancel(ctx)
		if !t.begin(q.ID, end) {
			end()
			return // an id twice: this page is confused
		}
		wg.Go(func() {
			defer func() { <-slots }()
			a := t.s.call(one, &q)
			t.end(q.ID)
			if t.write(ctx, a) != nil {
				cancel()
			}
		})
	}
}

func (t *tab) begin(id uint64, end context.CancelFunc) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls[id] != nil {
		return false
	}
	t.calls[id] = end
	return true
}

// cancel ends a call, which answers with an error.
func (t *tab) cancel(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if end := t.calls[id]; end != nil {
		end()
	}
}

func (t *tab) end(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[id]()
	delete(t.calls, id)
}

func (t *tab) write(ctx context.Context, a *answer) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return t.conn.Write(ctx, websocket.MessageText, b)
}

// ping notices a page that is gone without a word.
func (t *tab) ping(ctx context.Context, gone context.CancelFunc) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		wait, cancel := context.WithTimeout(ctx, writeTimeout)
		err := t.conn.Ping(wait)
		cancel()
		if err != nil {
			gone()
			return
		}
	}
}

// call runs one call. A page names files by names that it was given, never by a path.
func (s *Server) call(ctx context.Context, q *request) *answer {
	a := &answer{ID: q.ID}
	after, err := s.files.translate(q)
	if err == nil {
		err = s.cfg.Core.Call(ctx, q.Method, q.Params, &a.Result)
	}
	switch {
	case after == nil:
	case err == nil:
		a.Result, err = after(a.Result)
	case !errors.Is(err, clientrpc.ErrHandover):
		_, _ = after(nil) // what was uploaded for it is of no use any more
	}
	switch {
	case err == nil:
	case ctx.Err() != nil, errors.Is(err, clientrpc.ErrHandover): // what it says is that the program, or the page, ended
		a.Error = &clientrpc.Error{Code: codeAgain, Cause: err.Error()}
	case !errors.As(err, &a.Error):
		a.Error = &clientrpc.Error{Code: clientrpc.CodeInternal, Cause: err.Error()}
	}
	if a.Error != nil {
		a.Error = s.files.hide(a.Error)
	}
	return a
}

// codeAgain is of calls that were not made, or whose core went away: the page repeats
// them.
const codeAgain = "again"
