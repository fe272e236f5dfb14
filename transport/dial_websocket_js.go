package transport

import (
	"context"
	"fmt"

	"github.com/coder/websocket"
)

// connectWS opens a WebSocket of the browser.
func connectWS(ctx context.Context, cfg *DialConfig) (link, error) {
	ws, _, err := websocket.Dial(ctx, cfg.Address.URL(), &websocket.DialOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}
	if ws.Subprotocol() != Subprotocol {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("WebSocket: subprotocol %q, want %q", ws.Subprotocol(), Subprotocol)
	}
	return newWSLink(ws, nil, pageAddr(cfg.Address.HostPort)), nil
}

// A pageAddr is the host:port that a page connected to.
type pageAddr string

func (pageAddr) Network() string  { return "tcp" }
func (a pageAddr) String() string { return string(a) }
