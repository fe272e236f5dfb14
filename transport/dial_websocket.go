//go:build !js

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// connectWS opens a WebSocket.
func connectWS(ctx context.Context, cfg *DialConfig) (link, error) {
	dial := cfg.Dialer
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var raw net.Conn // the last one that was dialled: redirects are refused
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		DisableKeepAlives: true, // an answer that is no WebSocket leaves nothing behind
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := dial(ctx, network, address)
			raw = nc
			return nc, err
		},
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("redirected")
	}}
	ws, _, err := websocket.Dial(ctx, cfg.Address.URL(), &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{Subprotocol}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}
	if ws.Subprotocol() != Subprotocol {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("WebSocket: subprotocol %q, want %q", ws.Subprotocol(), Subprotocol)
	}
	keepAlive(raw, RoleClient)
	return newWSLink(ws, raw, raw.RemoteAddr()), nil
}
