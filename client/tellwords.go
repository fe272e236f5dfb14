package client

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// How words reach those who are to know them. (spec/group.md, GROUP-53, GROUP-54)

// maxHeard is of how many words a tender remembers who heard them. When there are more, it
// forgets, and tells some again.
const maxHeard = 4 * untoldWords

// A wordTurn is what goes to the same accounts.
type wordTurn struct {
	group chat.Hash
	to    []omega.Fingerprint
	words []history.UntoldWord
}

// passWords tells the words that are to be told: this account's own, and if others' have
// their turn, those.
func (g *groupTender) passWords(ctx context.Context, others bool) error {
	err := g.passAll(ctx, true)
	if others && ctx.Err() == nil {
		err = errors.Join(err, g.passAll(ctx, false))
	}
	return err
}

// passAll tells this account's own words, or others', as many at once as there is room for.
func (g *groupTender) passAll(ctx context.Context, own bool) error {
	for {
		if more, err := g.passSome(ctx, own); err != nil || !more {
			return err
		}
	}
}

// passSome reports whether there may be more.
func (g *groupTender) passSome(ctx context.Context, own bool) (more bool, err error) {
	_, offline := g.c.online()
	now := g.c.cfg.now()
	if offline == nil || g.rate.IsZero() {
		g.rate = now // what is sealed meanwhile goes at once when there is a session
	}
	if g.heard == nil || len(g.heard) > maxHeard {
		g.heard = map[int64][]omega.Fingerprint{}
	}
	var turns []wordTurn
	var over []history.UntoldWord
	err = g.c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.UntoldWords(g.c.acc.Fingerprint, own, untoldWords)
		if err == nil {
			more = len(list) == untoldWords
			turns, over, err = g.wordTurns(tx, list)
		}
		return err
	})
	errs := []error{err}
	for _, t := range turns {
		for part := range slices.Chunk(t.words, chat.MaxWords) {
			content := &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: t.group}}
			for i := range part {
				content.Group.Words = append(content.Group.Words, part[i].Word)
			}
			told, failed := g.tell(ctx, t.to, content, part)
			g.hear(part, told)
			if ctx.Err() != nil {
				return false, errors.Join(append(errs, failed)...)
			}
			errs = append(errs, failed, g.endWords(ctx, part, failed != nil, offline == nil || len(told) > 0))
		}
	}
	if len(over) > 0 {
		errs = append(errs, g.endWords(ctx, over, false, true))
	}
	return more && len(turns)+len(over) > 0, errors.Join(errs...)
}

// tell tells words to accounts, and returns who needs not be told again.
func (g *groupTender) tell(ctx context.Context, to []omega.Fingerprint, content *chat.Content, words []history.UntoldWord) (map[omega.Fingerprint]bool, error) {
	var errs []error
	told := map[omega.Fingerprint]bool{}
	for _, fp := range to {
		id, err := g.c.newID()
		if err == nil {
			err = g.c.sendControlAs(ctx, fp, id, content)
		}
		switch {
		case err == nil && fp != g.c.acc.Fingerprint:
			for i := range words {
				g.c.awaited.sealed(&words[i], id)
			}
		case unlessMute(err) != nil && !unwritable(err):
			errs = append(errs, err)
			continue
		}
		told[fp] = true
	}
	return told, errors.Join(errs...)
}

// wordTurns are the words of a list that are to be told now; over are those that nobody is
// told any more. Own ones go at the rate that others take them at, be it that they were said
// while there was no session.
func (g *groupTender) wordTurns(tx *history.Tx, list []history.UntoldWord) (turns []wordTurn, over []history.UntoldWord, err error) {
	states := map[chat.Hash]*group.State{}
	for _, u := range list {
		s, known := states[u.Group]
		if !known {
			if s, err = g.c.groupState(tx, u.Group); ignoreNotFound(err) != nil {
				return nil, nil, err
			}
			states[u.Group] = s
		}
		to, err := g.toTell(tx, s, &u)
		if err != nil {
			return nil, nil, err
		}
		if len(to) == 0 {
			over = append(over, u)
			continue
		}
		if _, begun := g.heard[u.Number]; !begun && u.Account == g.c.acc.Fingerprint {
			if !g.c.passing.take(u.Account, g.rate) {
				g.waits = true
				continue
			}
			g.heard[u.Number] = nil
		}
		i := slices.IndexFunc(turns, func(t wordTurn) bool { return t.group == u.Group && slices.Equal(t.to, to) })
		if i < 0 {
			i, turns = len(turns), append(turns, wordTurn{group: u.Group, to: to})
		}
		turns[i].words = append(turns[i].words, u)
	}
	return turns, over, nil
}

// toTell are those who are to be told a word in a channel, if it is known, and were not yet.
func (g *groupTender) toTell(tx *history.Tx, s *group.State, u *history.UntoldWord) (to []omega.Fingerprint, err error) {
	switch {
	case u.Gone:
		return nil, nil
	case s == nil:
	case u.Account == g.c.acc.Fingerprint:
		to, err = g.c.wordTakers(tx, s, u.Target)
	case g.c.hasList(s):
		to = g.c.writersToTell(s)
	}
	if len(g.c.others()) > 0 {
		to = append(to, g.c.acc.Fingerprint)
	}
	return slices.DeleteFunc(to, func(fp omega.Fingerprint) bool { return slices.Contains(g.heard[u.Number], fp) }), err
}

// hear notes who was told words.
func (g *groupTender) hear(words []history.UntoldWord, told map[omega.Fingerprint]bool) {
	for i := range words {
		before := g.heard[words[i].Number]
		g.heard[words[i].Number] = slices.AppendSeq(before, maps.Keys(told))
	}
}

// wordTakers are those whom a subscriber tells what it says of a message: who wrote it, whose
// link it was, and owners and admins, as far as they may write.
func (c *Client) wordTakers(tx *history.Tx, s *group.State, target chat.Link) ([]omega.Fingerprint, error) {
	g, err := tx.KnownGroup(chat.Hash(s.Group))
	if err != nil || g.Subscribed.IsZero() {
		return nil, ignoreNotFound(err)
	}
	first := []omega.Fingerprint{g.Maker}
	r, err := tx.Linked(omega.ChatID(g.ID[:16]), target)
	switch {
	case err == nil:
		first = []omega.Fingerprint{r.From, g.Maker}
	case !errors.Is(err, history.ErrNotFound):
		return nil, err
	}
	var out []omega.Fingerprint
	for _, fp := range append(first, c.writersToTell(s)...) {
		if !fp.IsZero() && len(out) < wordTakers && s.May(fp, s.Rules.Write) && !slices.Contains(out, fp) {
			out = append(out, fp)
		}
	}
	return out, nil
}

// endWords ends words that were told, or could not be often enough: tried says whether this
// was a try.
func (g *groupTender) endWords(ctx context.Context, list []history.UntoldWord, failed, tried bool) error {
	return g.c.db.Update(ctx, func(tx *history.Tx) (err error) {
		for i := range list {
			u := &list[i]
			switch {
			case err != nil:
			case !failed, tried && u.Tries+1 >= untoldTries:
				g.forget(u)
				err = tx.EndUntoldWord(u.Number)
			case tried:
				err = tx.RetryUntoldWord(u.Number)
			}
		}
		return err
	})
}

// forget ends what is known of a word. One of this account that none of those who may write
// was told is lost.
func (g *groupTender) forget(u *history.UntoldWord) {
	me := g.c.acc.Fingerprint
	if u.Account == me && !slices.ContainsFunc(g.heard[u.Number], func(fp omega.Fingerprint) bool { return fp != me }) {
		g.c.awaited.lose(u)
	}
	delete(g.heard, u.Number)
}
