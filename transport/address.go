package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/omega-im/omega"
)

// Networks of an Address.
const (
	NetworkTLS = "tls" // TLS 1.3 on TCP
	NetworkWS  = "ws"  // WebSocket
	NetworkWSS = "wss" // WebSocket on HTTPS
)

// ErrAddress is wrapped by every error of ParseAddress.
var ErrAddress = errors.New("not a server address")

// An Address says where a server listens and who it has to be. Its text is
//
//	host:port#FINGERPRINT
//	ws://host[:port][/path]#FINGERPRINT, or wss://
//
// and the fingerprint may be missing: then whoever answers is taken, and it is
// for the caller to show and pin it.
type Address struct {
	Network     string            // NetworkTLS, NetworkWS or NetworkWSS
	HostPort    string            // to dial, port included
	Path        string            // of the WebSocket; "" for NetworkTLS
	Fingerprint omega.Fingerprint // of the server's primary key; zero: any
}

// ParseAddress reads an address. A WebSocket without a path gets
// WebSocketPath, one without a port the port of its scheme.
func ParseAddress(s string) (Address, error) {
	if len(s) > 1024 {
		return Address{}, fmt.Errorf("%w: %d characters", ErrAddress, len(s))
	}
	var a Address
	place, fpr, pinned := strings.Cut(s, "#")
	if pinned {
		f, err := omega.ParseFingerprint(fpr)
		if err != nil {
			return Address{}, fmt.Errorf("%w: %q: %w", ErrAddress, s, err)
		}
		a.Fingerprint = f
	}
	var err error
	if strings.Contains(place, "://") {
		err = a.parseURL(place)
	} else {
		a.Network, a.HostPort = NetworkTLS, place
	}
	if err == nil {
		err = checkHostPort(a.HostPort)
	}
	if err != nil {
		return Address{}, fmt.Errorf("%w: %q: %w", ErrAddress, s, err)
	}
	return a, nil
}

func (a *Address) parseURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	port := map[string]string{NetworkWS: "80", NetworkWSS: "443"}[u.Scheme]
	if port == "" {
		return fmt.Errorf("scheme %q, want ws or wss", u.Scheme)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery {
		return errors.New("a user or query has no meaning here")
	}
	if p := u.Port(); p != "" {
		port = p
	}
	a.Network, a.HostPort, a.Path = u.Scheme, net.JoinHostPort(u.Hostname(), port), u.EscapedPath()
	if a.Path == "" || a.Path == "/" {
		a.Path = WebSocketPath
	}
	return nil
}

// checkHostPort wants what can be dialled: a host and a port of 1 to 65535.
func checkHostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("want host:port")
	}
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
		return fmt.Errorf("host %q", host)
	}
	// AddrPort's parser takes exactly the decimal numbers below 65536.
	ap, err := netip.ParseAddrPort("0.0.0.0:" + port)
	if err != nil || ap.Port() == 0 {
		return fmt.Errorf("port %q", port)
	}
	return nil
}

// URL returns where to dial, without the fingerprint: host:port, or the
// WebSocket's URL.
func (a Address) URL() string {
	if a.Network == NetworkTLS {
		return a.HostPort
	}
	return a.Network + "://" + a.HostPort + a.Path
}

// String returns what ParseAddress reads.
func (a Address) String() string {
	if a.Fingerprint.IsZero() {
		return a.URL()
	}
	return a.URL() + "#" + a.Fingerprint.String()
}

// MarshalText writes the form of String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what ParseAddress reads.
func (a *Address) UnmarshalText(b []byte) error {
	p, err := ParseAddress(string(b))
	if err == nil {
		*a = p
	}
	return err
}
