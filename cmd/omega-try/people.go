package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// A person is one of the two accounts.
type person struct {
	home  string // directory
	made  bool   // just now
	conn  *client.Local
	fp    omega.Fingerprint
	proxy omega.Fingerprint // server that it is connected to
	homes []omega.Fingerprint

	web *child // the person's: the web face

	// The echo's: a process that prints what comes in, and who reads that.
	recv *child
	wg   sync.WaitGroup
}

// meet brings both accounts up: the person's on the first server, held by this
// process, and the echo's on the last one, held by a process of its own.
func (t *trial) meet(ctx context.Context) (err error) {
	servers := t.cloud.servers
	if t.echo, err = t.account(ctx, "echo", t.text("try.echo"), servers[len(servers)-1]); err != nil {
		return err
	}
	if err := t.startEcho(ctx); err != nil {
		return err
	}
	if t.me, err = t.account(ctx, "me", t.userName(), servers[0]); err != nil {
		return err
	}
	if err := t.me.open(ctx); err != nil {
		return err
	}
	return errors.Join(t.me.awaitOnline(ctx), t.echo.awaitOnline(ctx))
}

// userName is what the person is called on this machine; where it has no name for people,
// as in most containers, one that others can read.
func (t *trial) userName() string {
	for _, v := range []string{"USER", "LOGNAME"} {
		if name := os.Getenv(v); !names.Blank(name) {
			return name
		}
	}
	return t.text("try.me")
}

// account returns the account in a folder, and makes it the first time.
func (t *trial) account(ctx context.Context, folder, name string, s server) (*person, error) {
	p := &person{home: filepath.Join(t.dir, folder)}
	fp, err := client.AccountOf(p.home)
	var e *clientrpc.Error
	if errors.As(err, &e) && e.Code == clientrpc.CodeNoAccount {
		var info *clientrpc.AccountInfo
		info, err = client.Init(ctx, client.InitConfig{
			Config: client.Config{Home: p.home, Name: name}, Server: s.Client, DeviceName: folder,
		})
		if err == nil {
			fp, p.made = info.Fingerprint, true
		}
	}
	p.fp = fp
	return p, err
}

// open reaches the account's core.
func (p *person) open(ctx context.Context) (err error) {
	p.conn, err = client.OpenLocal(ctx, client.Config{Home: p.home})
	return err
}

// awaitOnline returns when the account takes mail.
func (p *person) awaitOnline(ctx context.Context) error {
	late := time.After(onlineTimeout)
	for {
		st, err := clientrpc.Status.Call(ctx, p.conn, clientrpc.None{})
		if err != nil {
			return err
		}
		if ready := st.Online && len(st.Homes) > 0; ready {
			p.proxy, p.homes = st.Proxy, nil
			for _, h := range st.Homes {
				ready = ready && h.Attached
				p.homes = append(p.homes, h.Server)
			}
			if ready {
				return nil
			}
		}
		select {
		case <-late:
			return &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.open", p.home), Why: i18n.T("why.offline")}
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// leave lets go of the account. It may be called for somebody who never came.
func (p *person) leave() error {
	if p == nil {
		return nil
	}
	var errs []error
	if p.web != nil {
		errs = append(errs, p.web.stop())
	}
	if p.recv != nil {
		errs = append(errs, p.recv.stop())
		p.wg.Wait()
	}
	if p.conn != nil {
		errs = append(errs, p.conn.Close())
	}
	return errors.Join(errs...)
}

// startEcho runs `omega recv --follow` for the echo and answers everything
// that it prints, by way of the socket that every further command would use.
func (t *trial) startEcho(ctx context.Context) (err error) {
	p := t.echo
	if p.recv, err = t.start(p.home+".log", "omega", "--home", p.home, "recv", "--follow", "--json"); err != nil {
		return err
	}
	for !client.Held(p.home) { // that process holds the account, not this one
		select {
		case <-p.recv.ended:
			return &sickError{i18n.T("try.noecho"), p.recv.log}
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := p.open(ctx); err != nil {
		return err
	}
	p.wg.Go(p.answer)
	return nil
}

func newID() (id omega.ID) {
	rand.Read(id[:])
	return id
}

// send sends a text, or waits on for one that was sent under the same id.
func send(ctx context.Context, conn clientrpc.Conn, id omega.ID, to omega.Fingerprint, text, wait string, timeout time.Duration) (*clientrpc.SendResult, error) {
	return clientrpc.Send.Call(ctx, conn, clientrpc.SendParams{ID: id, To: to.String(), Text: text, Wait: wait, Timeout: timeout})
}
