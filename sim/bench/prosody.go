package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// prosody runs with its epoll backend and generational collector, plain
// passwords and only the modules that a chat needs.
type prosody struct {
	port int // direct TLS
}

func (*prosody) Describe(ctx context.Context) (description, error) {
	version, err := packageVersion(ctx, "prosody")
	return description{
		name: "prosody", version: version, offline: true,
		durability: "none online; offline in files, no fsync",
	}, err
}

const prosodyConfig = `
run_as_root = true
daemonize = false
pidfile = %[1]q
data_path = %[2]q
network_backend = "epoll"
gc = { mode = "generational" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping" }
modules_disabled = { "s2s" }
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = true
interfaces = { "127.0.0.1" }
c2s_ports = {}
c2s_direct_tls_ports = { %[3]d }
ssl = { certificate = %[4]q, key = %[5]q }
log = { { levels = { min = "error" }, to = "console" } }
VirtualHost "localhost"
`

func (p *prosody) Start(ctx context.Context, s *site, users int) (*process, error) {
	var err error
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	config := filepath.Join(s.dir, "prosody.cfg.lua")
	text := fmt.Appendf(nil, prosodyConfig, filepath.Join(s.dir, "pid"), data, p.port, s.certFile, s.keyFile)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	if err := writeAccounts(filepath.Join(data, "localhost", "accounts"), users); err != nil {
		return nil, err
	}
	return startProcess(ctx, s, command{path: "prosody", args: []string{"-F", "--config", config}, port: p.port})
}

// writeAccounts makes the files that prosodyctl would make.
func writeAccounts(dir string, users int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	account := fmt.Appendf(nil, "return {\n\t[\"password\"] = %q;\n};\n", xmppPassword)
	for user := range users {
		if err := os.WriteFile(filepath.Join(dir, xmppUser(user)+".dat"), account, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (p *prosody) Dial(ctx context.Context, user int) (session, error) {
	return dialXMPP(ctx, user, p.port)
}
