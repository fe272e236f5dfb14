package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/keyserver/fallback"
	"github.com/omega-im/omega/transport"
)

// Sizes of what a configuration says, in octets.
const (
	maxConfigText    = 64  // names: what an announcement holds
	maxConfigAddress = 255 // addresses and URLs, the same
)

// wrong says what is wrong with a configuration: its first argument is the
// catalogue's key of that.
func wrong(key string, args ...any) error { return &i18n.Error{Text: i18n.T(key, args...)} }

func wrongBecause(err error, key string, args ...any) error {
	return &i18n.Error{Text: i18n.T(key, args...), Err: err}
}

// check finds what cannot work before anything is opened. Its errors name the
// key.
func (c *Config) check() error {
	for _, f := range []func() error{c.checkTexts, c.checkListen, c.checkAnnounce, c.checkChoices, c.checkNumbers} {
		if err := f(); err != nil {
			return err
		}
	}
	if c.Dir == "" {
		return wrong("config.dir")
	}
	if _, err := c.bootstraps(); err != nil {
		return err
	}
	if _, err := c.denied(); err != nil {
		return err
	}
	if n := len(c.Fallback.Servers); n > fallback.MaxServers {
		return wrong("config.manyfallback", n, fallback.MaxServers)
	}
	for _, s := range c.Fallback.Servers {
		if err := fallback.Check([]string{s}); err != nil {
			return wrongBecause(err, "config.fallback", s)
		}
	}
	if c.Cloud.Vouch < 0 || c.Cloud.Vouch > maxVouches {
		return wrong("config.range", "cloud.vouch", c.Cloud.Vouch, 0, maxVouches)
	}
	_, err := logLevel(c.LogLevel)
	return err
}

func (c *Config) checkTexts() error {
	for _, f := range []struct{ key, value string }{{"name", c.Name}, {"operator", c.Operator}, {"site", c.Site}} {
		if len(f.value) > maxConfigText {
			return wrong("config.long", f.key, len(f.value), maxConfigText)
		}
		if strings.ContainsFunc(f.value, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			return wrong("config.hidden", f.key, fmt.Sprintf("%q", f.value))
		}
	}
	return nil
}

// checkListen looks at what listens: an address each, no two on one port.
func (c *Config) checkListen() error {
	type listener struct{ key, host, port string }
	var taken []listener
	for _, l := range []struct {
		key, addr string
		required  bool
	}{
		{"listen.client", c.Listen.Client, true}, {"listen.peer", c.Listen.Peer, true},
		{"listen.http", c.Listen.HTTP, false}, {"listen.admin", c.Listen.Admin, false},
	} {
		if l.addr == "" {
			if l.required {
				return wrong("config.noaddress", l.key)
			}
			continue
		}
		host, port, err := splitAddress(l.addr)
		if err != nil {
			return wrong("config.listen", l.key, l.addr)
		}
		for _, o := range taken {
			if o.port == port && port != "0" && (o.host == host || o.host == "" || host == "") {
				return wrong("config.sameport", l.key, port, o.key)
			}
		}
		taken = append(taken, listener{l.key, host, port})
	}
	return nil
}

// splitAddress takes host:port apart. The host may be empty.
func splitAddress(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("%q is not host:port", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", "", fmt.Errorf("%q: a port is a number up to 65535", addr)
	}
	if host == "0.0.0.0" || host == "::" {
		host = ""
	}
	return host, port, nil
}

// checkAnnounce looks at what others are told to dial.
func (c *Config) checkAnnounce() error {
	for _, a := range []struct{ key, addr string }{{"announce.client", c.Announce.Client}, {"announce.peer", c.Announce.Peer}} {
		if a.addr == "" {
			continue
		}
		host, port, err := splitAddress(a.addr)
		switch {
		case err != nil:
			return wrong("config.announce", a.key, a.addr)
		case host == "" || port == "0":
			return wrong("config.undialable", a.key, a.addr)
		case !isHost(host):
			return wrong("config.hostname", a.key, a.addr)
		case len(a.addr) > maxConfigAddress:
			return wrong("config.long", a.key, len(a.addr), maxConfigAddress)
		}
		// Names and private addresses are for Warnings: only the port is always wrong.
		if err := transport.CheckAnnounced(net.JoinHostPort("name.example", port), true); err != nil {
			return wrong("config.port", a.key, port)
		}
	}
	if c.Announce.HTTP == "" {
		return nil
	}
	u, err := url.Parse(c.Announce.HTTP)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isHost(u.Hostname()) || len(c.Announce.HTTP) > maxConfigAddress {
		return wrong("config.url", "announce.http", c.Announce.HTTP)
	}
	return nil
}

// isHost reports whether a host can be dialled by others: an address, or a name as
// the domain name system has them. (RFC 1123, section 2.1; underscores are seen)
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	return len(host) <= 253 && !slices.ContainsFunc(labels, func(l string) bool {
		plain := strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
		return l == "" || len(l) > 63 || !plain || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-")
	})
}

func (c *Config) checkChoices() error {
	if _, ok := registrations[c.Registration]; !ok {
		return wrong("config.registration", c.Registration)
	}
	switch c.Store.Kind {
	case "pebble", "memory":
	default:
		return wrong("config.store", c.Store.Kind)
	}
	return nil
}

func (c *Config) checkNumbers() error {
	for _, n := range []struct {
		key   string
		value float64
	}{
		{"keys.everything", float64(c.Keys.Everything)}, {"keys.budget", float64(c.Keys.Budget)},
		{"quota.messages", float64(c.Quota.Messages)}, {"quota.bytes", float64(c.Quota.Bytes)},
		{"media.quota", float64(c.Media.Quota)}, {"media.room", float64(c.Media.Room)}, {"media.reserve", float64(c.Media.Reserve)},
		{"spool.messages", float64(c.Spool.Messages)}, {"spool.bytes", float64(c.Spool.Bytes)},
		{"limits.send_burst", float64(c.Limits.SendBurst)},
		{"limits.idle_timeout", float64(c.Limits.IdleTimeout)}, {"limits.half_open", float64(c.Limits.HalfOpen)},
		{"limits.half_open_per_host", float64(c.Limits.HalfPerHost)}, {"limits.handshakes_per_second", c.Limits.Handshakes},
		{"limits.guests", float64(c.Limits.Guests)}, {"limits.http_requests_per_second", c.Limits.HTTPRequests},
		{"limits.http_at_once_per_host", float64(c.Limits.HTTPPerHost)}, {"limits.http_at_once", float64(c.Limits.HTTPOpen)},
	} {
		if n.value <= 0 {
			return wrong("config.positive", n.key)
		}
	}
	if c.Limits.Connections < 0 {
		return wrong("config.connections")
	}
	if i := time.Duration(c.Probe.Interval); i != 0 && i < time.Second {
		return wrong("config.probe")
	}
	if c.Limits.SendRate == 0 {
		return wrong("config.sendrate")
	}
	return nil
}

// CheckMachine finds what this machine would refuse: a folder that cannot be
// written, files that are not there. It makes nothing that stays. A server looks
// before it starts.
func (c *Config) CheckMachine() error {
	if _, err := c.vouches(); err != nil {
		return err
	}
	dir := c.Dir
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return wrong("config.notdir", dir)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("dir: %w", err)
		}
		dir = filepath.Dir(dir)
	}
	probe, err := os.MkdirTemp(dir, ".omegad-check-")
	if err != nil {
		return wrongBecause(err, "config.nodir", c.Dir, err)
	}
	return os.Remove(probe)
}

// Warnings lists what works and is probably not meant.
func (c *Config) Warnings() (out []i18n.Text) {
	if files := maxFiles(); c.Limits.Connections == 0 && files < wantedFiles {
		out = append(out, i18n.T("check.files", files, c.budget(), wantedFiles))
	}
	if host, _, err := splitAddress(c.Listen.Admin); err == nil && c.Listen.Admin != "" {
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			out = append(out, i18n.T("check.admin", c.Listen.Admin))
		}
	}
	if c.Announce.NAT {
		return out
	}
	for _, a := range []struct{ key, announced, listen string }{
		{"announce.client", c.Announce.Client, c.Listen.Client}, {"announce.peer", c.Announce.Peer, c.Listen.Peer},
	} {
		host, _, err := splitAddress(a.listen)
		if a.announced == "" && err == nil && host == "" {
			out = append(out, i18n.T("check.announce", a.key, a.listen))
			continue
		}
		said := cmp.Or(a.announced, a.listen)
		if c.Cloud.Private || strings.HasSuffix(said, ":0") { // a port that the system chooses
			continue
		}
		if transport.CheckAnnounced(said, false) != nil {
			out = append(out, i18n.T("check.private", a.key, said))
		}
	}
	return out
}
