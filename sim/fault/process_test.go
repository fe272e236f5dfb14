package fault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A program says how to start a process, any number of times.
type program struct {
	path string
	args []string
	env  []string // added to ours
	log  string   // file that its output is appended to
}

// A process is a running child of the test.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it is gone
}

// start runs p. The process is gone when the test ends, whatever happens.
func (p *program) start(t *testing.T) *process {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.log), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.path, err)
	}
	c := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		defer close(c.exited)
		_ = cmd.Wait() // mostly killed
	}()
	t.Cleanup(c.kill)
	return c
}

// kill is kill -9. It returns when the process is gone.
func (c *process) kill() {
	_ = c.cmd.Process.Kill() // it may be gone already
	<-c.exited
}

func (c *process) signal(s os.Signal) { _ = c.cmd.Process.Signal(s) }

// running reports whether the process is still there.
func (c *process) running() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// lastLines is the end of a log, for a failure.
func lastLines(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// A keeper keeps one program running: it is restarted after each kill.
type keeper struct {
	program

	mu  sync.Mutex
	now *process // guarded by mu
}

func (k *keeper) start(t *testing.T) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.program.start(t)
}

// power says what a program whose kills are power cuts keeps of what it did
// not sync: nothing, or what a seed chooses.
func (k *keeper) power(bare bool, seed uint64) {
	if bare {
		seed = 0
	}
	for i, e := range k.env {
		if strings.HasPrefix(e, envPowercut) {
			k.env[i] = fmt.Sprintf("%s=%d", envPowercut, seed)
		}
	}
}

func (k *keeper) process() *process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}
