package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ejabberd runs without a node name (nothing else may talk to it), without
// busy waiting, shapers or password hashing, and with few modules: all that
// favours it.
type ejabberd struct {
	port int // direct TLS
}

func (*ejabberd) Describe(ctx context.Context) (description, error) {
	version, err := packageVersion(ctx, "ejabberd")
	return description{
		name: "ejabberd", version: version, offline: true,
		durability: "none online; offline in Mnesia, no fsync",
	}, err
}

// packageVersion asks Debian which version is installed.
func packageVersion(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version} ${Status}", name).Output()
	version, status, _ := strings.Cut(string(out), " ")
	if err != nil || !strings.HasSuffix(status, " installed") {
		return "", fmt.Errorf("%s is not installed (tools/peers.sh install)", name)
	}
	return version, nil
}

const ejabberdConfig = `
hosts: [localhost]
loglevel: error
certfiles: [%[1]q]
auth_method: [internal]
auth_password_format: plain
disable_sasl_mechanisms: [digest-md5, X-OAUTH2]
listen:
  - {port: %[2]d, ip: 127.0.0.1, module: ejabberd_c2s, tls: true, backlog: 1000, max_stanza_size: 262144}
  - {port: %[3]d, ip: 127.0.0.1, module: ejabberd_http, request_handlers: {/api: mod_http_api}}
api_permissions:
  bench: {who: {ip: 127.0.0.1/8}, what: [register]}
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: infinity
modules:
  mod_offline: {}
  mod_roster: {}
  mod_ping: {}
`

func (e *ejabberd) Start(ctx context.Context, s *site, users int) (*process, error) {
	libraries, err := filepath.Glob("/usr/lib/*/ejabberd-*/ebin")
	if err != nil || len(libraries) == 0 {
		return nil, errors.New("ejabberd's Erlang code is not in /usr/lib/*/ejabberd-*/ebin")
	}
	if e.port, err = freePort(); err != nil {
		return nil, err
	}
	apiPort, err := freePort()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(s.dir, "ejabberd.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, ejabberdConfig, s.bothFile, e.port, apiPort), 0o600); err != nil {
		return nil, err
	}
	spool := filepath.Join(s.dir, "mnesia")
	_, missing := os.Stat(spool)
	p, err := startProcess(ctx, s, command{
		path: "erl",
		args: []string{"+K", "true", "+P", "250000", "+Q", "65536", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
			"-noinput", "-mnesia", "dir", fmt.Sprintf("%q", spool), "-s", "ejabberd"},
		env: []string{
			"ERL_LIBS=" + filepath.Dir(filepath.Dir(libraries[0])), "HOME=" + s.dir,
			"EJABBERD_CONFIG_PATH=" + config, "EJABBERD_LOG_PATH=" + filepath.Join(s.dir, "ejabberd.log"),
			"ERL_CRASH_DUMP=" + filepath.Join(s.dir, "crash.dump"), "ERL_MAX_PORTS=65536",
		},
		port: e.port,
	})
	if err != nil || missing == nil {
		return p, err
	}
	if err := registerUsers(ctx, apiPort, users); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// registerUsers makes accounts through ejabberd's HTTP interface, four at a
// time.
func registerUsers(ctx context.Context, apiPort, users int) error {
	g, ctx := errgroup.WithContext(ctx)
	const workers = 4
	for worker := range workers {
		g.Go(func() error {
			for user := worker; user < users; user += workers {
				if err := registerUser(ctx, apiPort, user); err != nil {
					return fmt.Errorf("register %s: %w", xmppUser(user), err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func registerUser(ctx context.Context, apiPort, user int) error {
	body, err := json.Marshal(map[string]string{"user": xmppUser(user), "host": "localhost", "password": xmppPassword})
	if err != nil {
		return err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/api/register", apiPort)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return err
}

func (e *ejabberd) Dial(ctx context.Context, user int) (session, error) {
	return dialXMPP(ctx, user, e.port)
}
