package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cloudsKey is where a script keeps the clouds of its own.
type cloudsKey struct{}

// A cloud is a running `omegad dev`.
type cloud struct {
	cmd     *exec.Cmd
	log     string
	ended   chan error
	servers []server
}

type server struct {
	Fingerprint string `json:"fingerprint"`
	Name        string `json:"name"`
	Client      string `json:"client"`
	Peer        string `json:"peer"`
	HTTP        string `json:"http"`
}

// startCloud starts servers that live in dir and waits until they are ready.
func startCloud(dir string, n int) (*cloud, error) {
	c := &cloud{log: dir + ".log", ended: make(chan error, 1)}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.cmd = exec.Command(filepath.Join(bin, "omegad"), "dev", "-n", fmt.Sprint(n), "--dir", dir, "--json")
	c.cmd.Stdout, c.cmd.Stderr = w, log
	err = c.cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	go func() { c.ended <- c.cmd.Wait() }()
	var ready struct {
		Ready   bool     `json:"ready"`
		Servers []server `json:"servers"`
	}
	timer := time.AfterFunc(patience, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	err = json.NewDecoder(r).Decode(&ready)
	r.Close() // it prints one line
	if err == nil && (!ready.Ready || len(ready.Servers) != n) {
		err = fmt.Errorf("it is not ready: %+v", ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("omegad dev: %w", err), c.stop())
	}
	c.servers = ready.Servers
	return c, nil
}

// stop drains the cloud as an operator would. What it wrote to its log is an
// error: nothing in these tests is worth a warning.
func (c *cloud) stop() error {
	c.cmd.Process.Signal(syscall.SIGTERM)
	var err error
	select {
	case err = <-c.ended:
	case <-time.After(patience):
		c.cmd.Process.Kill()
		<-c.ended
		err = errors.New("it did not end")
	}
	log, _ := os.ReadFile(c.log)
	if err != nil || len(log) > 0 {
		return fmt.Errorf("omegad: %v\n%s", err, log)
	}
	return nil
}

// export tells a script where the servers are: S1 is the address of the first
// for clients, F1 its fingerprint, A1 the address without that; W1 and U1 are
// the same over a WebSocket. P1 is its port for servers and B1 that with the fingerprint, H1 that of its web site.
func (c *cloud) export(set func(name, value string)) {
	for i, s := range c.servers {
		n := fmt.Sprint(i + 1)
		set("S"+n, s.Client)
		set("A"+n, strings.TrimSuffix(s.Client, "#"+s.Fingerprint))
		set("F"+n, s.Fingerprint)
		set("P"+n, s.Peer)
		set("H"+n, strings.TrimPrefix(s.HTTP, "http://"))
		set("B"+n, s.Peer+"#"+s.Fingerprint)
		webSocket := "ws" + strings.TrimPrefix(s.HTTP, "http") + "/api/v1/connect"
		set("U"+n, webSocket)
		set("W"+n, webSocket+"#"+s.Fingerprint)
	}
}
