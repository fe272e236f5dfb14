package client

import (
	"cmp"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

const (
	fellowsAge   = time.Minute // of what is known of who is in which group
	fellowsAgain = time.Second // before somebody is looked for again who was in none
)

// toldTokens are the tokens that others told this account, which is not to be changed.
// They are kept in memory as long as the database has the same.
func (c *Client) toldTokens(tx *history.Tx) (map[omega.Fingerprint]history.Told, error) {
	mark, err := tx.TokensMark()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	known := c.tokens
	c.mu.Unlock()
	if known.all != nil && known.mark == mark {
		return known.all, nil
	}
	all, err := tx.Tokens()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.tokens = toldTokens{mark, all}
	c.mu.Unlock()
	return all, nil
}

// toldTokens are tokens as the database had them under a mark.
type toldTokens struct {
	mark int64
	all  map[omega.Fingerprint]history.Told
}

// tokensFor are the tokens by which this account writes to others: what they told it,
// or that of a group that both are in; nil if it has none at all.
func (c *Client) tokensFor(tx *history.Tx, to []omega.Fingerprint) (out []omega.Token, err error) {
	told, err := c.toldTokens(tx)
	if err != nil {
		return nil, err
	}
	for i, fp := range to {
		var t omega.Token
		if fp == c.acc.Fingerprint {
			if t, err = c.tokenOf(tx, fp); err != nil {
				return nil, err
			}
		} else {
			t = told[fp].Token
		}
		if old := told[fp]; t.IsZero() || old.Passing && !young(c.cfg.now(), old.Time, passingKept) {
			fellow, err := c.fellowToken(tx, fp)
			if err != nil {
				return nil, err
			}
			if !fellow.IsZero() {
				t = fellow
			}
		}
		if !t.IsZero() && out == nil {
			out = make([]omega.Token, len(to))
		}
		if out != nil {
			out[i] = t
		}
	}
	return out, nil
}

// fellowToken is the token of an account that is in a group with this one; zero if
// it is in none.
func (c *Client) fellowToken(tx *history.Tx, fp omega.Fingerprint) (omega.Token, error) {
	now := c.cfg.now()
	c.mu.Lock()
	k, age, fresh := c.fellows[fp], fellowsAgain, c.fellows != nil
	if k != nil {
		age = fellowsAge
	}
	fresh = fresh && young(now, c.fellowsAt, age)
	c.mu.Unlock()
	if !fresh {
		all, err := c.fellowsNow(tx, now)
		if err != nil {
			return omega.Token{}, err
		}
		c.mu.Lock()
		c.fellows, c.fellowsAt = all, now
		k = all[fp]
		c.mu.Unlock()
	}
	if k == nil {
		return omega.Token{}, nil
	}
	return k.Token(fp), nil
}

// fellowsNow has the members of this account's groups, with the key whose token they
// most likely let in.
func (c *Client) fellowsNow(tx *history.Tx, now time.Time) (map[omega.Fingerprint]*chat.GroupKey, error) {
	out := map[omega.Fingerprint]*chat.GroupKey{}
	var failed error
	err := c.eachGroup(tx, func(s *group.State, keys []*chat.GroupKey) {
		k := usedKey(keys, now)
		who, err := c.subscribersToTell(tx, s)
		failed = cmp.Or(failed, err)
		for _, m := range s.Members {
			who = append(who, m.Account)
		}
		for _, fp := range who {
			if old := out[fp]; k != nil && (old == nil || k.Time.Before(old.Time)) {
				out[fp] = k
			}
		}
	})
	return out, cmp.Or(err, failed)
}
