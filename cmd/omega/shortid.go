package main

import (
	"context"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// messageID is the id of the message that somebody typed the beginning of; in a chat,
// if one is named.
func (a *app) messageID(ctx context.Context, conn clientrpc.Conn, typed, chat string) (omega.ID, error) {
	if id, err := omega.ParseID(typed); err == nil {
		return id, nil
	}
	r, err := clientrpc.MessageID.Call(ctx, conn, clientrpc.MessageIDParams{Typed: typed, Chat: chat})
	return r.ID, err
}

// messageIDs are the ids of several, and how they are shown.
func (a *app) messageIDs(ctx context.Context, conn clientrpc.Conn, typed []string, chat string) (ids []omega.ID, shown string, err error) {
	for _, text := range typed {
		id, err := a.messageID(ctx, conn, text, chat)
		if err != nil {
			return nil, "", err
		}
		ids = append(ids, id)
	}
	a.learn(ctx, ids...)
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = a.short(id)
	}
	return ids, strings.Join(names, " "), nil
}

// learnTime is how long the core may take to say how ids are shown; it looks into its
// database only.
const learnTime = 2 * time.Second

// learn asks how ids are shown to a person. Scripts get them whole.
func (a *app) learn(ctx context.Context, ids ...omega.ID) {
	if a.json || a.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	for len(ids) > 0 {
		n := min(len(ids), clientrpc.PageMax)
		r, err := clientrpc.ShortIDs.Call(ctx, a.conn, clientrpc.ShortIDsParams{IDs: ids[:n]})
		if err != nil || len(r.Short) != n {
			return
		}
		for i, short := range r.Short {
			a.shorts[ids[i]] = short
		}
		ids = ids[n:]
	}
}

// learnMessages is learn for messages, and those that they are about.
func (a *app) learnMessages(ctx context.Context, list []clientrpc.Message) {
	var ids []omega.ID
	for i := range list {
		ids = append(append(ids, list[i].ID), list[i].Targets...)
	}
	a.learn(ctx, ids...)
}

// short is an id as it is shown to a person.
func (a *app) short(id omega.ID) string {
	if s, ok := a.shorts[id]; ok {
		return s
	}
	return id.String()[:clientrpc.ShortIDDigits]
}
