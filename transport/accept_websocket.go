//go:build !js

package transport

import (
	"errors"
	"net/http"
)

// ServeWebSocket does the handshake on a request for WebSocketPath and returns
// the connection as Accept does. On an error the answer has been written.
//
// Pages of any origin may connect: no cookie or other authority of the browser
// is used, and every frame is sealed under keys that only the holder of the
// device's secret can have, so a foreign page can do no more than any program
// on the network.
func (s *Server) ServeWebSocket(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	return nil, errors.ErrUnsupported
}
