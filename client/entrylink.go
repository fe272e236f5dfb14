//go:build !js

package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A linking is a home on its way to being a device of an account. Its goroutine
// ends with it.
type linking struct {
	end     context.CancelFunc
	server  string
	confirm chan omega.Fingerprint // what the person said; holds one element
	over    chan struct{}          // closed when the goroutine has ended

	mu      sync.Mutex
	state   clientrpc.SetupLinkState // guarded by mu; no step: the server is being dialled
	changed chan struct{}            // guarded by mu; closed when state changes
}

// errNotConfirmed ends a linking whose person says that the account is another's.
var errNotConfirmed = errors.New("the person did not confirm the account")

// link begins, follows and ends the linking of this home.
func (e *Entry) link(ctx context.Context, p clientrpc.SetupLinkParams) (*clientrpc.SetupLinkState, error) {
	if p.Cancel {
		e.stopLinking()
		return &clientrpc.SetupLinkState{Step: clientrpc.LinkFailed}, nil
	}
	l, err := e.linkingTo(p)
	if err != nil {
		return nil, err
	}
	if !p.Confirm.IsZero() {
		select {
		case l.confirm <- p.Confirm:
		default: // said already
		}
	}
	s, err := l.await(ctx, p.Step, p.Timeout)
	if err != nil || s.Step != clientrpc.LinkDone {
		return s, err
	}
	_, err = e.open(ctx)
	return s, err
}

// linkingTo returns the one that is under way, or begins one.
func (e *Entry) linkingTo(p clientrpc.SetupLinkParams) (*linking, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, ErrClosed
	case e.linking != nil && (p.Step != "" || e.linking.server == p.Server):
		return e.linking, nil
	case p.Step != "":
		return nil, fail(clientrpc.CodeTimeout, i18n.T("doing.link"), i18n.T("why.linkgone"), i18n.T("next.relink"), nil)
	case e.linking != nil:
		e.linking.end()
		<-e.linking.over // it lets go of the home
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &linking{
		end: cancel, server: p.Server, confirm: make(chan omega.Fingerprint, 1),
		over: make(chan struct{}), changed: make(chan struct{}),
	}
	e.linking = l
	e.passphrase = []byte(p.Passphrase)
	cfg := LinkConfig{Config: e.cfg.Config, Server: p.Server, DeviceName: e.deviceName(p.DeviceName)}
	cfg.Passphrase = []byte(p.Passphrase)
	go l.run(ctx, cfg)
	return l, nil
}

// stopLinking ends the one that is under way.
func (e *Entry) stopLinking() {
	e.mu.Lock()
	l := e.linking
	e.linking = nil
	e.mu.Unlock()
	if l != nil {
		l.end()
		<-l.over
	}
}

// run links. The passphrase of cfg protects the new secrets.
func (l *linking) run(ctx context.Context, cfg LinkConfig) {
	defer close(l.over)
	defer l.end()
	var account omega.Fingerprint
	cfg.Show = func(text string) { l.say(clientrpc.SetupLinkState{Step: clientrpc.LinkCarry, Text: text}) }
	cfg.Confirm = func(fp omega.Fingerprint) error {
		account = fp
		l.say(clientrpc.SetupLinkState{Step: clientrpc.LinkConfirm, Account: fp})
		select {
		case said := <-l.confirm:
			if said != fp {
				return errNotConfirmed
			}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	_, err := Link(ctx, cfg)
	if err == nil {
		l.say(clientrpc.SetupLinkState{Step: clientrpc.LinkDone, Account: account})
		return
	}
	s := clientrpc.SetupLinkState{Step: clientrpc.LinkFailed, Account: account}
	if !errors.As(explain(i18n.T("doing.link"), err), &s.Problem) {
		s.Problem = &clientrpc.Error{Code: clientrpc.CodeRefused, Doing: i18n.T("doing.link"), Why: i18n.T("why.linkended"), Next: i18n.T("next.relink")}
	}
	l.say(s)
}

// say puts a step in the place of the one before.
func (l *linking) say(s clientrpc.SetupLinkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
}

// await returns the step after the known one, or how it stands when the time is over.
func (l *linking) await(ctx context.Context, known string, timeout time.Duration) (*clientrpc.SetupLinkState, error) {
	over := time.NewTimer(timeout)
	defer over.Stop()
	for {
		l.mu.Lock()
		s, changed := l.state, l.changed
		l.mu.Unlock()
		if s.Step != known {
			return &s, nil
		}
		select {
		case <-changed:
		case <-over.C:
			return &s, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
