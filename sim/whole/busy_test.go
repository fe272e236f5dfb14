package whole

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/omega-im/omega/client"
)

// hungUp is a connection whose other side ends it before it says anything.
type hungUp struct{ net.Conn }

func (hungUp) Read([]byte) (int, error)    { return 0, io.EOF }
func (hungUp) Write(b []byte) (int, error) { return len(b), nil }

// TestInitTriesAgain: a server that is too busy for a handshake once or twice is dialled
// again, and no more often than that.
func TestInitTriesAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fails, dials int
		ok           bool
	}{{2, 3, true}, {9, 3, false}} {
		dials := 0
		cfg := client.Config{Home: filepath.Join(t.TempDir(), "home"), Name: "阿明"}
		cfg.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, address)
			if dials++; err == nil && dials <= tt.fails {
				return hungUp{conn}, nil
			}
			return conn, err
		}
		_, err := client.Init(t.Context(), client.InitConfig{Config: cfg, Server: cloud[0].address(), DeviceName: "first"})
		if tt.ok != (err == nil) || !tt.ok && dials != tt.dials || tt.ok && dials < tt.dials {
			t.Errorf("%d connections that end: %d dials, %v", tt.fails, dials, err)
		}
	}
}
