package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// accountOf is the account that somebody typed: by fingerprint, by link, or by a name.
func (a *app) accountOf(ctx context.Context, conn clientrpc.Conn, typed string) (omega.Fingerprint, error) {
	if fp, err := omega.ParseFingerprint(typed); err == nil {
		return fp, nil
	}
	c, err := clientrpc.ShowContact.Call(ctx, conn, clientrpc.ContactRef{Account: typed})
	var e *clientrpc.Error
	if errors.As(err, &e) && e.Code == clientrpc.CodeNotFound { // as scripts know it of what is no fingerprint
		e.Code, e.Doing, e.Why, e.Next = clientrpc.CodeUsage, i18n.T("doing.parse"), i18n.T("why.nobody", typed), i18n.T("next.nobody")
	}
	if err != nil {
		return omega.Fingerprint{}, err
	}
	return c.Account, nil
}

// accountsOf is accountOf for several, for something that is done to them; in a group, if
// one is named, its people may be meant by the names that they have there. Names that
// people chose themselves need a second look. (spec/group.md, GROUP-36)
func (a *app) accountsOf(ctx context.Context, conn clientrpc.Conn, group string, typed []string) (out []omega.Fingerprint, err error) {
	for _, text := range typed {
		fp, err := a.accountOf(ctx, conn, text)
		if err != nil && group != "" {
			fp, err = a.memberOf(ctx, conn, group, text, err)
		} else if err == nil {
			err = a.checkName(ctx, conn, text, fp)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, fp)
	}
	return out, nil
}

// checkName has the person look twice if they typed what an account calls itself.
func (a *app) checkName(ctx context.Context, conn clientrpc.Conn, typed string, fp omega.Fingerprint) error {
	if _, err := omega.ParseFingerprint(typed); err == nil {
		return nil
	}
	c, err := clientrpc.ShowContact.Call(ctx, conn, clientrpc.ContactRef{Account: fp.String()})
	if err != nil || c.Petname != "" || c.State == clientrpc.ContactYes || c.Name != typed {
		return err
	}
	return a.agree(ctx, typed, fp)
}

// memberOf is the one of a group's people who has a name there, or whose fingerprint ends
// so; nobody is the error if none has.
func (a *app) memberOf(ctx context.Context, conn clientrpc.Conn, group, name string, nobody error) (omega.Fingerprint, error) {
	var found []clientrpc.GroupMember
	p := clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: group}}
	err := clientrpc.Each(ctx, conn, clientrpc.GroupMembers, p, func(r clientrpc.GroupMembersResult) error {
		for _, m := range r.Members {
			if m.Name == name || strings.EqualFold(keyID(m.Account), name) {
				found = append(found, m)
			}
		}
		return nil
	})
	switch {
	case err != nil || len(found) == 0:
		return omega.Fingerprint{}, cmp.Or(err, nobody)
	case len(found) > 1:
		return omega.Fingerprint{}, &clientrpc.Error{
			Code: clientrpc.CodeUsage, Doing: i18n.T("doing.parse"), Why: i18n.T("why.manynamed", name, len(found)), Next: i18n.T("next.byfpr"),
		}
	case found[0].SelfNamed && found[0].Name == name:
		err = a.agree(ctx, name, found[0].Account)
	}
	return found[0].Account, err
}

// agree shows whose name somebody typed and asks whether that is who was meant; where
// nobody can be asked the fingerprint is wanted.
func (a *app) agree(ctx context.Context, name string, fp omega.Fingerprint) error {
	in, ok := a.stdin.(*os.File)
	if ok && !a.json && term.IsTerminal(int(in.Fd())) {
		fmt.Fprintf(a.stderr, "%s\n%s", a.text("people.self", safe(name), spaced(fp)), a.text("people.sure"))
		line, err := a.answer(ctx, in)
		if err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(line), "y") {
			return nil
		}
	}
	return &clientrpc.Error{
		Code: clientrpc.CodeUsage, Doing: i18n.T("doing.parse"), Why: i18n.T("why.selfnamed", name, fp), Next: i18n.T("next.selfnamed"),
	}
}

// callingPeople is calling for what is about people: req makes the request with them.
func callingPeople[Req, Resp any](ctx context.Context, a *app, group string, people []string, m clientrpc.Method[Req, Resp], req func([]omega.Fingerprint) Req, show func(Resp) error) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	list, err := a.accountsOf(ctx, conn, group, people)
	if err != nil {
		return err
	}
	r, err := m.Call(ctx, conn, req(list))
	if err != nil {
		return err
	}
	return show(r)
}
