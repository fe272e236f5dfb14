package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// ErrNotPublic is wrapped by errors about addresses that nobody dials because
// somebody else announced them. (spec/cloud.md, CLOUD-42)
var ErrNotPublic = errors.New("not an address to dial on a stranger's word")

// nobodys are the global unicast addresses that are not the internet's: what RFC
// 6890 and the registries it made list as not globally reachable, tunnels that lead
// to any IPv4 address, and one host that is special in a large data centre.
var nobodys = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's platform, from inside
	"64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
)

// nat64 holds IPv4 addresses in its last 32 bits. (RFC 6052)
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// wellKnown is the first port that any service may use. Below it only HTTPS's is
// dialled, which servers use where nothing else gets through.
const (
	wellKnown = 1024
	https     = 443
)

// badPorts are ports from there on of services that may take what is sent for
// commands: those of the list of blocked ports of the Fetch standard.
var badPorts = []uint16{1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}

// CheckPublic reports whether an address may be dialled because somebody else
// announced it: a global unicast address, at a port that no well-known service
// has. private lets addresses of private networks and of this machine pass as well;
// those of links, groups and networks that are nobody's never do. The error wraps
// ErrNotPublic.
func CheckPublic(ap netip.AddrPort, private bool) error {
	ip := ap.Addr().Unmap()
	switch {
	case ip.Zone() != "" || !ip.IsValid():
		return fmt.Errorf("%w: %s", ErrNotPublic, ap)
	case ap.Port() < wellKnown && ap.Port() != https || slices.Contains(badPorts, ap.Port()):
		return fmt.Errorf("%w: %s: port %d is another service's", ErrNotPublic, ap, ap.Port())
	}
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if isPrivate(ip) {
		if private {
			return nil
		}
		return fmt.Errorf("%w: %s is of a private network", ErrNotPublic, ip)
	}
	if !ip.IsGlobalUnicast() || ip.Is6() && ip.As16()[0]>>5 != 1 || slices.ContainsFunc(nobodys, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return fmt.Errorf("%w: %s", ErrNotPublic, ip)
	}
	return nil
}

// isPrivate reports whether an address is of a private network or this machine.
func isPrivate(ip netip.Addr) bool { return ip.IsPrivate() || ip.IsLoopback() }

// CheckAnnounced is CheckPublic for host:port as somebody announced it. A name
// passes, but for one of this machine or of a local network: what it leads to is
// checked when it is dialled.
func CheckAnnounced(hostPort string, private bool) error {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrNotPublic, hostPort)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ap, err := netip.ParseAddrPort(net.JoinHostPort(ip.String(), port))
		if err != nil {
			return fmt.Errorf("%w: %q", ErrNotPublic, hostPort)
		}
		return CheckPublic(ap, private)
	}
	if IsLocalName(host) && !private {
		return fmt.Errorf("%w: %s is a name of a local network", ErrNotPublic, host)
	}
	ap, err := netip.ParseAddrPort("1.1.1.1:" + port) // some public address
	if err != nil {
		return fmt.Errorf("%w: %q", ErrNotPublic, hostPort)
	}
	return CheckPublic(ap, private)
}

// localNames end names that no public name server answers for. (RFC 6761, RFC
// 6762, RFC 8375, and ICANN's choice for private use)
var localNames = []string{"localhost", "local", "internal", "intranet", "lan", "home", "home.arpa", "corp", "localdomain"}

// IsLocalName reports whether a host name is one of this machine or of a local
// network.
func IsLocalName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return !strings.Contains(host, ".") || slices.ContainsFunc(localNames, func(s string) bool { return strings.HasSuffix(host, "."+s) })
}

// LeadsInside reports whether a host is of a private network or of this machine, by
// its address or by its name.
func LeadsInside(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return isPrivate(ip.Unmap())
	}
	return IsLocalName(host)
}

// DialPublic opens connections to addresses that somebody else announced: each
// that a name leads to is checked when it is dialled. private is asked for those of
// private networks.
func DialPublic(ctx context.Context, network, address string, private func(context.Context) bool) (net.Conn, error) {
	d := net.Dialer{ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return CheckPublic(ap, isPrivate(ap.Addr().Unmap()) && private(ctx))
	}}
	return d.DialContext(ctx, network, address)
}
