package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// deleteTimeout is how long the tombstone may take to be published.
const deleteTimeout = time.Minute

// deleteCmd deletes the account everywhere, and what is here of it.
type deleteCmd struct {
	Yes         bool `help:"${help_delete_yes}"`
	KeepHistory bool `help:"${help_delete_keep}"`
	RevokeKey   bool `help:"${help_delete_revoke}"`
}

func (c *deleteCmd) Run(ctx context.Context, a *app) error {
	fp, err := client.AccountOf(a.home)
	if err != nil {
		return err
	}
	if !c.Yes {
		if err := a.confirmDelete(fp, c.KeepHistory); err != nil {
			return err
		}
	}
	r, err := c.publish(ctx, a, fp)
	if err != nil {
		return err
	}
	if !c.KeepHistory {
		if err := client.Erase(a.home); err != nil {
			return err
		}
	}
	if a.json {
		return a.line(struct {
			*clientrpc.DeleteResult
			Erased bool `json:"erased"`
		}{r, !c.KeepHistory})
	}
	a.printf("%s\n  %s\n", a.text("delete.done"), fp)
	if c.KeepHistory {
		a.printf("%s\n", a.text("delete.kept", a.home))
		return nil
	}
	a.printf("%s\n", a.text("delete.erased", a.home))
	return nil
}

// publish has the core publish the tombstone and lets go of the home.
func (c *deleteCmd) publish(ctx context.Context, a *app, fp omega.Fingerprint) (*clientrpc.DeleteResult, error) {
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	defer a.busy("busy.delete")()
	return clientrpc.Delete.Call(ctx, conn, clientrpc.DeleteParams{Fingerprint: fp, RevokeKey: c.RevokeKey})
}

// confirmDelete shows what will be gone, and wants the end of the fingerprint
// typed: nobody types that by mistake.
func (a *app) confirmDelete(fp omega.Fingerprint, keep bool) error {
	s := fp.String()
	end := s[len(s)-8:]
	no := func(why i18n.Text) error {
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.delete"), Why: why, Next: i18n.T("next.confirm")}
	}
	in, ok := a.stdin.(*os.File)
	if a.json || !ok || !term.IsTerminal(int(in.Fd())) {
		return no(i18n.T("why.unconfirmed"))
	}
	fmt.Fprintf(a.stderr, "%s\n  %s\n", a.text("delete.what"), spaced(fp))
	fmt.Fprintf(a.stderr, "%s\n", a.text(map[bool]string{true: "delete.willkeep", false: "delete.willerase"}[keep]))
	fmt.Fprintf(a.stderr, "%s ", a.text("delete.type", end))
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(line), end) {
		return no(i18n.T("why.unconfirmed"))
	}
	return nil
}
