package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// mosquitto runs without authentication, which favours it, and with
// persistence as its own configuration has it by default.
type mosquitto struct {
	port int
}

func (*mosquitto) Describe(ctx context.Context) (description, error) {
	version, err := packageVersion(ctx, "mosquitto")
	return description{
		name: "mosquitto", version: version, offline: true, accepts: true,
		durability: "memory, saved every 30 minutes",
	}, err
}

const mosquittoConfig = `
user root
listener %[1]d 127.0.0.1
certfile %[2]s
keyfile %[3]s
allow_anonymous true
persistence true
persistence_location %[4]s/
set_tcp_nodelay true
log_type error
`

func (m *mosquitto) Start(ctx context.Context, s *site, _ int) (*process, error) {
	var err error
	if m.port, err = freePort(); err != nil {
		return nil, err
	}
	config := filepath.Join(s.dir, "mosquitto.conf")
	text := fmt.Appendf(nil, mosquittoConfig, m.port, s.certFile, s.keyFile, s.dir)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	return startProcess(ctx, s, command{path: "/usr/sbin/mosquitto", args: []string{"-c", config}, port: m.port})
}

func (m *mosquitto) Dial(ctx context.Context, user int) (session, error) {
	return dialMQTT(ctx, user, m.port)
}
