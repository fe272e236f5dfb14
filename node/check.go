package node

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/omega-im/omega/internal/i18n"
)

// Sizes of what a configuration says, in octets.
const (
	maxConfigText    = 64  // names: what an announcement holds
	maxConfigAddress = 255 // addresses and URLs, the same
)

// check finds what cannot work before anything is opened. Its errors name the
// key.
func (c *Config) check() error {
	for _, f := range []func() error{c.checkTexts, c.checkListen, c.checkAnnounce, c.checkChoices, c.checkNumbers} {
		if err := f(); err != nil {
			return err
		}
	}
	if c.Dir == "" {
		return errors.New("dir: a directory for keys and mail is required")
	}
	if _, err := c.bootstraps(); err != nil {
		return err
	}
	if _, err := c.denied(); err != nil {
		return err
	}
	if c.Cloud.Vouch < 0 || c.Cloud.Vouch > maxVouches {
		return fmt.Errorf("cloud.vouch: %d, want 0 to %d", c.Cloud.Vouch, maxVouches)
	}
	_, err := logLevel(c.LogLevel)
	return err
}

func (c *Config) checkTexts() error {
	for _, f := range []struct{ key, value string }{{"name", c.Name}, {"operator", c.Operator}, {"site", c.Site}} {
		if len(f.value) > maxConfigText {
			return fmt.Errorf("%s: %d octets of UTF-8, at most %d", f.key, len(f.value), maxConfigText)
		}
		if strings.ContainsFunc(f.value, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			return fmt.Errorf("%s: %q has characters that cannot be shown", f.key, f.value)
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
				return fmt.Errorf("%s: an address is required, for example %q", l.key, ":7000")
			}
			continue
		}
		host, port, err := splitAddress(l.addr)
		if err != nil {
			return fmt.Errorf("%s: %w; write \":7000\" for every address of this machine, or \"192.0.2.1:7000\"", l.key, err)
		}
		for _, o := range taken {
			if o.port == port && port != "0" && (o.host == host || o.host == "" || host == "") {
				return fmt.Errorf("%s: port %s is the one of %s already", l.key, port, o.key)
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
			return fmt.Errorf("%s: %w; write what others dial, for example \"im.example.tw:7000\"", a.key, err)
		case host == "" || port == "0":
			return fmt.Errorf("%s: %q names no host and port that others could dial", a.key, a.addr)
		case len(a.addr) > maxConfigAddress:
			return fmt.Errorf("%s: %d octets, at most %d", a.key, len(a.addr), maxConfigAddress)
		}
	}
	if c.Announce.HTTP == "" {
		return nil
	}
	u, err := url.Parse(c.Announce.HTTP)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(c.Announce.HTTP) > maxConfigAddress {
		return fmt.Errorf("announce.http: %q is not a URL like \"https://im.example.tw\"", c.Announce.HTTP)
	}
	return nil
}

func (c *Config) checkChoices() error {
	if _, ok := registrations[c.Registration]; !ok {
		return fmt.Errorf("registration: %q is not open, invite or closed", c.Registration)
	}
	switch c.Store.Kind {
	case "pebble", "memory":
	default:
		return fmt.Errorf("store.kind: %q is not pebble or memory", c.Store.Kind)
	}
	return nil
}

func (c *Config) checkNumbers() error {
	for _, n := range []struct {
		key   string
		value float64
	}{
		{"quota.messages", float64(c.Quota.Messages)}, {"quota.bytes", float64(c.Quota.Bytes)},
		{"spool.messages", float64(c.Spool.Messages)}, {"spool.bytes", float64(c.Spool.Bytes)},
		{"limits.send_burst", float64(c.Limits.SendBurst)},
		{"limits.idle_timeout", float64(c.Limits.IdleTimeout)}, {"limits.half_open", float64(c.Limits.HalfOpen)},
		{"limits.half_open_per_host", float64(c.Limits.HalfPerHost)}, {"limits.handshakes_per_second", c.Limits.Handshakes},
		{"limits.guests", float64(c.Limits.Guests)}, {"limits.http_requests_per_second", c.Limits.HTTPRequests},
		{"limits.http_at_once_per_host", float64(c.Limits.HTTPPerHost)}, {"limits.http_at_once", float64(c.Limits.HTTPOpen)},
	} {
		if n.value <= 0 {
			return fmt.Errorf("%s: must be above 0; `omegad config` shows the default", n.key)
		}
	}
	if c.Limits.Connections < 0 {
		return errors.New("limits.connections: must be above 0, or 0 for what the system allows")
	}
	if i := time.Duration(c.Probe.Interval); i != 0 && i < time.Second {
		return errors.New("probe.interval: at least 1s, or 0s to probe nobody")
	}
	if c.Limits.SendRate == 0 {
		return errors.New("limits.send_rate: must be above 0, or -1 for no limit")
	}
	return nil
}

// CheckMachine finds what this machine would refuse: a folder that cannot be
// written. It makes nothing that stays.
func (c *Config) CheckMachine() error {
	dir := c.Dir
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("dir: %s is not a directory", dir)
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
		return fmt.Errorf("dir: %s cannot be made there: %w", c.Dir, err)
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
		if host, _, err := splitAddress(a.listen); a.announced == "" && err == nil && host == "" {
			out = append(out, i18n.T("check.announce", a.key, a.listen))
		}
	}
	return out
}
