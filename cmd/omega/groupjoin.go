package main

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

type groupJoinCmd struct {
	Link string `arg:"" help:"${help_group_linktext}"`
	Text string `help:"${help_group_text}"`
}

// How long a person waits to be let in by a link that asks nobody, and how often it is
// looked whether they are.
const (
	joinWait = 4 * time.Second
	joinLook = 500 * time.Millisecond
)

func (c *groupJoinCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	g, err := clientrpc.JoinGroup.Call(ctx, conn, clientrpc.JoinGroupParams{Link: c.Link, Text: c.Text})
	if err != nil {
		return err
	}
	if !a.json {
		if g, err = awaitLetIn(ctx, conn, g, joinWait); err != nil {
			return err
		}
	}
	if err := a.groupLine(g); err != nil || a.json {
		return err
	}
	switch g.Role {
	case clientrpc.RoleAsking, clientrpc.RoleInvited:
		a.printf("%s\n", a.advice("group.join.asking"))
	case clientrpc.RoleSubscriber:
		a.printf("%s\n", a.advice("group.join.subscriber", a.groupWord(g)))
	case clientrpc.RoleOwner, clientrpc.RoleAdmin, clientrpc.RoleMember:
		a.printf("%s\n", a.advice("group.join.in", a.groupWord(g)))
	}
	return nil
}

// groupWord is what a person types for a group.
func (a *app) groupWord(g clientrpc.Group) string {
	if g.Name == "" {
		return g.Chat.String()[:clientrpc.ShortIDDigits]
	}
	return quoted(safe(g.Name))
}

// awaitLetIn waits until it is known what became of a request, for a moment: by links that
// let people in at once that takes no longer.
func awaitLetIn(ctx context.Context, conn clientrpc.Conn, g clientrpc.Group, patience time.Duration) (clientrpc.Group, error) {
	at, err := clientrpc.Follow.Call(ctx, conn, clientrpc.FollowParams{})
	if err != nil {
		return g, err
	}
	for end := time.Now().Add(patience); ; {
		if g, err = clientrpc.ShowGroup.Call(ctx, conn, clientrpc.GroupRef{Group: g.ID}); err != nil {
			return g, err
		}
		left := time.Until(end)
		if !waits(&g) || left <= 0 {
			return g, nil
		}
		next, err := clientrpc.Follow.Call(ctx, conn, clientrpc.FollowParams{Run: at.Run, After: at.Last, Timeout: min(left, joinLook)})
		if err != nil {
			return g, err
		}
		at = next
	}
}

// waits reports whether it is not known yet what became of a request: who is let in by a
// link is invited first, and accepts by itself.
func waits(g *clientrpc.Group) bool {
	return g.Role == clientrpc.RoleAsking || g.Role == clientrpc.RoleInvited
}
