package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
)

// A server of the cloud, as `omegad dev --json` prints it.
type server struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Name        string            `json:"name"`
	Client      string            `json:"client"`
	HTTP        string            `json:"http"`
}

// A cloud is a running `omegad dev`.
type cloud struct {
	child   *child
	servers []server
	took    time.Duration // until it was ready
}

// startCloud starts the servers and returns when all of them know each other.
func (t *trial) startCloud(ctx context.Context) (*cloud, error) {
	start := time.Now()
	dir := filepath.Join(t.dir, "cloud")
	c, err := t.start(dir+".log", "omegad", "dev", "-n", fmt.Sprint(t.n), "--dir", dir, "--json")
	if err != nil {
		return nil, err
	}
	ready := make(chan []server, 1)
	go func() {
		defer close(ready)
		var line struct {
			Ready   bool     `json:"ready"`
			Servers []server `json:"servers"`
		}
		if json.NewDecoder(c.stdout).Decode(&line) == nil && line.Ready {
			ready <- line.Servers
		}
	}()
	select {
	case servers := <-ready:
		if len(servers) > 0 {
			return &cloud{child: c, servers: servers, took: time.Since(start)}, nil
		}
		err = &sickError{i18n.T("try.nocloud"), c.log}
	case <-time.After(cloudTimeout):
		err = &sickError{i18n.T("try.slowcloud", cloudTimeout), c.log}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.stop()
	return nil, err
}

// stop lets the servers store what they have and end.
func (c *cloud) stop() error { return c.child.stop() }

// server returns one server of the cloud.
func (c *cloud) server(fp omega.Fingerprint) server {
	for _, s := range c.servers {
		if s.Fingerprint == fp {
			return s
		}
	}
	return server{Fingerprint: fp, Name: fp.String()[:8]}
}

// A topology is what /api/v1/topology says, as far as it is shown here.
type topology struct {
	Links   []link            `json:"links"`
	Bridges []json.RawMessage `json:"bridges"`
}

type link struct {
	A   omega.Fingerprint `json:"a"`
	B   omega.Fingerprint `json:"b"`
	RTT float64           `json:"rtt_ms"`
}

// topology asks the first server how the cloud hangs together.
func (c *cloud) topology(ctx context.Context) (*topology, error) {
	ctx, cancel := context.WithTimeout(ctx, onlineTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.servers[0].HTTP+"/api/v1/topology", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s for the topology: %s", req.URL, resp.Status)
	}
	var out topology
	return &out, json.NewDecoder(resp.Body).Decode(&out)
}

// A child is a program that this one started.
type child struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	log    string        // file of its standard error
	ended  chan struct{} // closed when it has ended
	err    error         // how; set before ended is closed
}

// start runs one of our programs, with its standard error in a file. Children
// are in groups of their own: Ctrl+C reaches this process, which ends them in
// order.
func (t *trial) start(log, name string, args ...string) (*child, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the child has its own
	cmd := exec.Command(filepath.Join(t.bin, name), args...)
	cmd.Stderr, cmd.SysProcAttr = f, childAttr()
	// Not StdoutPipe: Wait would close it under the reader.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	c := &child{cmd: cmd, stdout: bufio.NewReader(r), log: log, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// stop asks the child to end and waits for it.
func (c *child) stop() error {
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopTimeout):
		c.cmd.Process.Kill()
		<-c.ended
	}
	if c.err != nil {
		return &sickError{i18n.T("try.badend", filepath.Base(c.cmd.Path), c.err), c.log}
	}
	return nil
}
