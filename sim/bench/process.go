package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A process is a server under measurement: a child of ours in its own process
// group, with everything that it starts.
type process struct {
	cmd    *exec.Cmd
	log    string        // file with what it printed
	exited chan struct{} // closed when the child is gone
}

// A command says what to run.
type command struct {
	path string
	args []string
	env  []string // added to ours
	port int      // the server is ready when this port of loopback answers
}

// startTimeout bounds how long a server may take until it listens.
const startTimeout = 60 * time.Second

// startProcess runs a server and waits until it listens. The shell gives it as
// many open files as this machine allows.
func startProcess(ctx context.Context, s *site, c command) (*process, error) {
	logName := filepath.Join(s.dir, filepath.Base(c.path)+".out")
	logFile, err := os.OpenFile(logName, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `ulimit -n "$(ulimit -H -n)"; exec "$@"`, "sh", c.path}, c.args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	p := &process{cmd: cmd, log: logName, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		cmd.Wait() // its exit code says nothing: we end it by a signal
	}()
	if err := p.awaitPort(ctx, c.port); err != nil {
		p.kill()
		return nil, fmt.Errorf("start %s: %w\n%s", c.path, err, p.lastOutput())
	}
	return p, nil
}

func (p *process) awaitPort(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return errors.New("it ended before it listened")
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastOutput is what a failed server said.
func (p *process) lastOutput() string {
	out, _ := os.ReadFile(p.log)
	return strings.TrimSpace(string(out[max(0, len(out)-1000):]))
}

// pid is the server's process id.
func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the server to end and insists after ten seconds.
func (p *process) stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
	}
	p.kill()
}

// kill ends the server as a crash would.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// signal reaches the server's whole process group, which is ours alone.
func (p *process) signal(sig syscall.Signal) { syscall.Kill(-p.pid(), sig) }
