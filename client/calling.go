package client

import (
	"cmp"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/names"
)

// A calling is how somebody is called here: every name that faces are told comes from
// one. (spec/group.md, GROUP-36)
type calling struct {
	name    string // the petname, or how they call themselves; may be empty
	self    bool   // they call themselves so, and are no contact: nobody proved it
	contact bool
}

// callingOf is the calling of an account of which it is known what this one thinks, and
// what it calls itself (profileName).
func (c *Client) callingOf(r *history.Relation, profile string) calling {
	out := calling{name: cmp.Or(names.Shown(r.Petname), names.Shown(profile)), contact: r.Contact == chat.Contact}
	if r.Account == c.acc.Fingerprint {
		return calling{name: profile}
	}
	out.self = names.Blank(r.Petname) && out.name != "" && !out.contact
	return out
}

// calling says how an account is called here.
func (c *Client) calling(tx *history.Tx, fp omega.Fingerprint) (calling, error) {
	r, err := tx.Relation(fp)
	if err != nil {
		return calling{}, err
	}
	return c.callingBy(tx, r)
}

// callingBy is calling for an account of which it is known what this one thinks.
func (c *Client) callingBy(tx *history.Tx, r *history.Relation) (calling, error) {
	profile, err := c.profileName(tx, r.Account)
	return c.callingOf(r, profile), err
}

// callings is calling for many.
func (c *Client) callings(tx *history.Tx, list []omega.Fingerprint) (map[omega.Fingerprint]calling, error) {
	heard, err := tx.PeerNames(list)
	if err != nil {
		return nil, err
	}
	if heard[c.acc.Fingerprint], err = c.ownName(tx); err != nil {
		return nil, err
	}
	relations, err := tx.Relations()
	if err != nil {
		return nil, err
	}
	out := make(map[omega.Fingerprint]calling, len(list))
	for _, fp := range list {
		out[fp] = c.callingOf(&history.Relation{Account: fp}, heard[fp])
	}
	for i := range relations {
		r := &relations[i]
		if _, ok := out[r.Account]; ok {
			out[r.Account] = c.callingOf(r, heard[r.Account])
		}
	}
	return out, nil
}

// nameOf is how somebody is called here, "" if that is not known.
func (c *Client) nameOf(tx *history.Tx, fp omega.Fingerprint) (string, error) {
	n, err := c.calling(tx, fp)
	return n.name, err
}

// calledBy is nameOf for an account of which it is known what this one thinks.
func (c *Client) calledBy(tx *history.Tx, r *history.Relation) (string, error) {
	n, err := c.callingBy(tx, r)
	return n.name, err
}

// profileName is how somebody calls themselves, "" if that is not known.
func (c *Client) profileName(tx *history.Tx, fp omega.Fingerprint) (string, error) {
	if fp == c.acc.Fingerprint {
		return c.ownName(tx)
	}
	heard, err := tx.PeerNames([]omega.Fingerprint{fp}) // it may be known before the certificate is
	return heard[fp], err
}

// hearNames takes what the authors of operations call themselves, if nothing was heard
// of them here: names of key records may be newer. (spec/group.md, GROUP-36)
func (c *Client) hearNames(tx *history.Tx, placed []*group.Op) error {
	said := map[omega.Fingerprint]string{}
	var who []omega.Fingerprint
	for _, o := range placed {
		if fp := o.Author.Account; o.Called != "" && fp != c.acc.Fingerprint && said[fp] == "" {
			said[fp], who = o.Called, append(who, fp)
		}
	}
	if len(who) == 0 {
		return nil
	}
	heard, err := tx.PeerNames(who)
	for _, fp := range who {
		if err == nil && heard[fp] == "" {
			_, err = tx.HearName(fp, said[fp], time.Time{})
		}
	}
	return err
}
