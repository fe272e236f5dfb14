package client

import (
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// setProfile changes name, description or picture.
func (c *Client) setProfile(ctx context.Context, p clientrpc.ProfileGroupParams) (clientrpc.Group, error) {
	doing := i18n.T("doing.groupprofile")
	var picture group.Hash
	if p.Picture != nil {
		var err error
		if picture, err = c.choosePicture(ctx, doing, p.GroupRef, *p.Picture); err != nil {
			return clientrpc.Group{}, err
		}
	}
	return c.actAndShow(ctx, doing, p.GroupRef, false, func(s *group.State) (*group.Op, error) {
		profile := s.Profile
		if p.Picture != nil {
			profile.Picture = picture
		}
		if p.Name != nil {
			if profile.Name = *p.Name; names.Blank(profile.Name) {
				return nil, groupNameError(doing, nil)
			}
		}
		if p.About != nil {
			profile.About = *p.About
		}
		if profile == s.Profile {
			return nil, nil
		}
		return &group.Op{Type: group.TypeProfile, Profile: profile}, nil
	})
}

// setPolicy changes rules.
func (c *Client) setPolicy(ctx context.Context, p clientrpc.PolicyGroupParams) (clientrpc.Group, error) {
	doing := i18n.T("doing.grouppolicy")
	var writers []omega.Fingerprint // who may write by it and might not before
	out, err := c.actAndShow(ctx, doing, p.GroupRef, false, func(s *group.State) (*group.Op, error) {
		rules := s.Rules
		for _, r := range []struct {
			to   *group.Role
			text string
		}{{&rules.Invite, p.Rules.Invite}, {&rules.Pin, p.Rules.Pin}, {&rules.Profile, p.Rules.Profile}, {&rules.Write, p.Rules.Write}, {&rules.MentionAll, p.Rules.MentionAll}} {
			if r.text == "" {
				continue
			}
			role, ok := parseRule(r.text)
			if !ok {
				return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouprule", r.text), i18n.T("next.grouprule"), nil)
			}
			*r.to = role
		}
		if p.Rules.History != "" {
			h, ok := group.ParseHistory(p.Rules.History)
			if !ok {
				return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouphistory", p.Rules.History), i18n.T("next.grouprule"), nil)
			}
			rules.History = h
		}
		if rules == s.Rules {
			return nil, nil
		}
		for _, m := range s.Members {
			if m.Role >= rules.Write && m.Role < s.Rules.Write {
				writers = append(writers, m.Account)
			}
		}
		return &group.Op{Type: group.TypePolicy, Rules: &rules}, nil
	})
	if err != nil {
		return out, err
	}
	id, err := c.groupRef(ctx, doing, p.Group)
	if err == nil {
		err = c.shareList(ctx, id, writers[:min(len(writers), maxDeciders)])
	}
	return out, err
}

// parseRule reads members, admins or owners.
func parseRule(s string) (group.Role, bool) {
	for _, r := range []group.Role{group.RoleMember, group.RoleAdmin, group.RoleOwner} {
		if s == r.String()+"s" {
			return r, true
		}
	}
	return 0, false
}
