package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type recvCmd struct {
	Follow  bool          `help:"${help_recv_follow}"`
	Count   int           `short:"n" name:"count" help:"${help_recv_count}" placeholder:"COUNT"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

// Run prints what comes. It ends after so many messages, or, if no number was
// given, when something came and all that waits at the homes is here.
func (c *recvCmd) Run(ctx context.Context, a *app) error {
	if err := checkCount(c.Count); err != nil {
		return err
	}
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	a.told = true // that receipts wait is nobody's business
	defer a.decisions(conn)
	defer a.joinRequests(conn)
	endless := c.Follow && c.Count == 0
	deadline := time.Now().Add(c.Timeout)
	got, news := 0, int64(0)
	var told time.Time
	for {
		p := clientrpc.ReceiveParams{
			Count: c.Count - got, Timeout: max(0, time.Until(deadline)), Settle: c.Count == 0 && !c.Follow && got > 0, News: !a.json, NewsAfter: news,
		}
		if endless {
			p.Timeout = time.Minute
		}
		r, err := clientrpc.Receive.Call(ctx, conn, p)
		if interrupted(ctx, err) && endless {
			return nil // there is no other end
		}
		if err != nil {
			return err
		}
		if err := a.received(ctx, conn, r.Messages); err != nil {
			return err
		}
		if news, err = a.deviceNews(ctx, conn, r.News, news); err != nil {
			return err
		}
		got += len(r.Messages)
		told = a.waiting(r.Waiting, told)
		switch {
		case c.Count > 0 && got >= c.Count, r.CaughtUp:
			return nil
		case endless:
			if r.Problem != nil && r.Problem.Code == clientrpc.CodeVerify {
				return r.Problem
			}
		case len(r.Messages) == 0 && !time.Now().Before(deadline):
			return a.nothingNew(c.late(got, r.Problem, conn.Elsewhere()))
		}
	}
}

// waitingShown is how often a person is told how much still waits.
const waitingShown = time.Second

// waiting tells a person how many more wait at the homes, if that is more than a
// moment's, and returns when it was told last.
func (a *app) waiting(n int, told time.Time) time.Time {
	if n < clientrpc.PageMax || a.json || time.Since(told) < waitingShown {
		return told
	}
	fmt.Fprintf(a.stderr, "omega: %s\n", a.text("recv.waiting", n))
	return time.Now()
}

// decisions tells, beside what came, of people whose key or devices are others
// now, so that somebody has to decide.
func (a *app) decisions(conn clientrpc.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r, err := clientrpc.Notices.Call(ctx, conn, clientrpc.NoticesParams{Standing: true})
	list := slices.DeleteFunc(r.Notices, func(n clientrpc.Notice) bool { return n.Kind == clientrpc.NoticeDeleted })
	if err != nil || len(list) == 0 || a.json {
		return
	}
	fmt.Fprintf(a.stderr, "omega: %s\n", a.advice("recv.notices", len(list)))
	for _, n := range list {
		fmt.Fprintf(a.stderr, "  ⚠ %s  %s  %s\n", n.Account, safe(n.Name), a.advice("notice."+n.Kind, n.Sequence))
	}
}

// joinRequests tells, beside what came, of people who want to be let into groups.
// (spec/group.md, GROUP-37)
func (a *app) joinRequests(conn clientrpc.Conn) {
	if a.json {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var all []clientrpc.GroupRequest
	err := clientrpc.Each(ctx, conn, clientrpc.GroupRequests, clientrpc.GroupListParams{}, func(r clientrpc.GroupRequestsResult) error {
		all = append(all, r.Requests...)
		return nil
	})
	if err != nil {
		return
	}
	waiting := map[string]int{}
	for _, q := range all {
		waiting[q.Group]++
	}
	for _, q := range all { // in the order in which somebody asked first
		if n := waiting[q.Group]; n > 0 {
			fmt.Fprintf(a.stderr, "omega: %s\n", a.advice("recv.requests", n, safe(q.Title), q.Group[:32]))
			delete(waiting, q.Group)
		}
	}
}

// late says why there is less than there should be when the time is over. With a
// home away the deputies have what waits: who asked for no number has got
// everything that there is to have. Where another program has the home, what came may have
// been shown there.
func (c *recvCmd) late(got int, problem *clientrpc.Error, elsewhere bool) error {
	if problem != nil && problem.Code == clientrpc.CodeOffline && got > 0 && c.Count == 0 {
		return nil
	}
	if problem != nil {
		return problem
	}
	e := &clientrpc.Error{Code: clientrpc.CodeTimeout, Doing: i18n.T("doing.receive"), Why: i18n.T("why.nomail", c.Timeout), Next: i18n.T("next.longer")}
	if elsewhere {
		e.Next = i18n.T("next.elsewhere")
	}
	switch {
	case got > 0 && c.Count > 0:
		e.Why = i18n.T("why.fewer", got, c.Count, c.Timeout)
	case got > 0:
		e.Why = i18n.T("why.notsettled", c.Timeout)
	}
	return e
}

// nothingNew says in plain words that the time is over, which is no failure to a person;
// scripts read an error, and all see the exit code.
func (a *app) nothingNew(err error) error {
	var e *clientrpc.Error
	if a.json || !errors.As(err, &e) || e.Code != clientrpc.CodeTimeout {
		return err
	}
	fmt.Fprintf(a.stderr, "%s\n", a.text("recv.nothing", e.Why.In(a.lang), a.next(e.Next)))
	return silent{exitTimeout}
}

// received prints messages and then says so: what was not printed comes again.
func (a *app) received(ctx context.Context, conn clientrpc.Conn, list []clientrpc.Message) error {
	var ids []omega.ID
	a.learnMessages(ctx, list)
	for _, m := range list {
		if a.json {
			if err := a.line(m); err != nil {
				return err
			}
		} else {
			a.message(ctx, m)
		}
		ids = append(ids, m.ID)
	}
	if len(ids) == 0 || a.failed != nil {
		return a.failed
	}
	// A command that is being interrupted still confirms what it printed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := clientrpc.Confirm.Call(ctx, conn, clientrpc.ConfirmParams{IDs: ids})
	return err
}
