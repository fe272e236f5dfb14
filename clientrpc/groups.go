package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about groups and channels. A group is named by its id (64
// hexadecimal digits), the id of its chat, or its name if only one group has it.
// What is so already changes nothing.
var (
	CreateGroup  = Method[CreateGroupParams, Group]{"group.create"}
	Groups       = Method[Page, GroupsResult]{"groups"}
	ShowGroup    = Method[GroupRef, Group]{"group"}
	GroupMembers = Method[GroupListParams, GroupMembersResult]{"group.members"}
	InviteGroup  = Method[GroupAccounts, Group]{"group.invite"}
	AcceptGroup  = Method[GroupRef, Group]{"group.accept"}
	LeaveGroup   = Method[GroupRef, Group]{"group.leave"}
	RemoveGroup  = Method[RemoveGroupParams, Group]{"group.remove"}
	UnbanGroup   = Method[GroupAccounts, Group]{"group.unban"}
	RoleGroup    = Method[RoleGroupParams, Group]{"group.role"}
	ProfileGroup = Method[ProfileGroupParams, Group]{"group.profile"}
	PolicyGroup  = Method[PolicyGroupParams, Group]{"group.policy"}
	RedactGroup  = Method[RedactGroupParams, Group]{"group.redact"}
	EndGroup     = Method[GroupRef, Group]{"group.dissolve"}

	LinkGroup     = Method[LinkGroupParams, GroupLink]{"group.link"}
	JoinGroup     = Method[JoinGroupParams, Group]{"group.join"}
	GroupRequests = Method[GroupListParams, GroupRequestsResult]{"group.requests"}
	ApproveGroup  = Method[ApproveGroupParams, GroupRequestsResult]{"group.approve"} // answers with the first ones

	Reach = Method[ReachParams, ReachResult]{"message.reach"}
)

// Roles in a group.
const (
	RoleOwner      = "owner"
	RoleAdmin      = "admin"
	RoleMember     = "member"
	RoleInvited    = "invited"    // may accept
	RoleAsking     = "asking"     // asked to join by a link
	RoleRefused    = "refused"    // asked to join by a link, and is not let in
	RoleSubscriber = "subscriber" // reads a channel without being a member; those who may write there know who does
	RoleNone       = ""           // is not, or no longer, in it
)

// A GroupRef names a group.
type GroupRef struct {
	Group string `json:"group"`
}

// GroupListParams asks for people of a group; of GroupRequests, none means all groups.
type GroupListParams struct {
	GroupRef
	Page
}

// A GroupRules says who may do what: members, admins or owners. History is what
// newcomers are given: none, pins, all, or a number of messages.
type GroupRules struct {
	Invite     string `json:"invite"`
	Pin        string `json:"pin"`
	Profile    string `json:"profile"`
	Write      string `json:"write"` // a channel if that is not members
	MentionAll string `json:"mention_all"`
	History    string `json:"history"`
}

// A Group as this account knows it.
type Group struct {
	ID          string        `json:"group"`
	Chat        omega.ChatID  `json:"chat"`
	Name        string        `json:"name"`
	About       string        `json:"about,omitempty"`
	Channel     bool          `json:"channel,omitempty"`
	Secure      bool          `json:"secure"` // its chat is a secure one
	Role        string        `json:"role"`   // of this account
	Size        int           `json:"size"`
	Subscribers int           `json:"subscribers,omitempty"` // of a channel, where this account may write
	Members     []GroupMember `json:"members,omitempty"`     // of ShowGroup: the first ones, owners before others
	Invited     []GroupMember `json:"invited,omitempty"`
	Banned      []GroupMember `json:"banned,omitempty"`
	Partial     bool          `json:"partial,omitempty"` // there are more members, invited or banned accounts than PageMax: GroupMembers has all
	Picture     *GroupPicture `json:"picture,omitempty"`
	Rules       GroupRules    `json:"rules"`
	Pinned      []omega.ID    `json:"pinned,omitempty"`
	Dissolved   bool          `json:"dissolved,omitempty"`
	Operations  int           `json:"operations"`      // that are known
	Heads       []string      `json:"heads,omitempty"` // who has the same has the same group
	Inviter     string        `json:"inviter,omitempty"`
	Refuser     string        `json:"refuser,omitempty"` // who did not let this account in; RoleRefused
	Waiting     bool          `json:"waiting,omitempty"` // no key has come yet
}

// A GroupPicture is how a group looks: a photo of a message in its chat.
type GroupPicture struct {
	Name string `json:"name"` // 64 digits: of its blob
	FileRef
	Here bool `json:"here"` // the message is; else FileRef says nothing
}

// A GroupMember is an account of a group.
type GroupMember struct {
	Account   omega.Fingerprint `json:"account"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Role      string            `json:"role,omitempty"`
	Similar   []NamedAccount    `json:"similar,omitempty"` // of one that is no contact: whose name a person may take for this one
}

// RoleBanned is the role of a banned account in GroupMembersResult.
const RoleBanned = "banned"

// GroupMembersResult lists everybody of a group: owners, admins, members, invited and
// banned accounts.
type GroupMembersResult struct {
	Members []GroupMember `json:"members"`
	Rest
}

// GroupsResult lists the groups that this account is or was in, or may join.
type GroupsResult struct {
	Groups []Group `json:"groups"`
	Rest
}

// CreateGroupParams makes a group. The caller makes ID: the same again is the same
// group.
type CreateGroupParams struct {
	ID      omega.ID            `json:"id"`
	Name    string              `json:"name"`
	About   string              `json:"about,omitempty"`
	Channel bool                `json:"channel,omitempty"` // only admins write
	Secure  bool                `json:"secure,omitempty"`  // its chat is a secure one, for good
	Members []omega.Fingerprint `json:"members,omitempty"` // that are invited
}

// GroupAccounts names accounts of a group.
type GroupAccounts struct {
	GroupRef
	Accounts []omega.Fingerprint `json:"accounts"`
}

// RemoveGroupParams ends others' membership.
type RemoveGroupParams struct {
	GroupAccounts
	Ban bool `json:"ban,omitempty"` // they cannot be invited again
}

// RoleGroupParams makes owners, admins, or plain members of accounts.
type RoleGroupParams struct {
	GroupAccounts
	Role string `json:"role"`
}

// ProfileGroupParams changes what a group is called. What is nil stays.
type ProfileGroupParams struct {
	GroupRef
	Name    *string   `json:"name,omitempty"`
	About   *string   `json:"about,omitempty"`
	Picture *omega.ID `json:"picture,omitempty"` // message of the group's chat whose first photo it is; zero: none
}

// PolicyGroupParams changes rules. What is empty stays.
type PolicyGroupParams struct {
	GroupRef
	Rules GroupRules `json:"rules"`
}

// RedactGroupParams takes messages back for all, whoever wrote them.
type RedactGroupParams struct {
	GroupRef
	Messages []omega.ID `json:"messages"`
}

// LinkGroupParams asks for a link by which others may ask to join. There is one of
// each kind; a new one takes the place of the old one.
type LinkGroupParams struct {
	GroupRef
	Open      bool `json:"open,omitempty"`      // who has it is let in at once
	Subscribe bool `json:"subscribe,omitempty"` // who has it subscribes to the channel: other subscribers are not told
	New       bool `json:"new,omitempty"`       // the one that there was is good for nothing any more
	Close     bool `json:"close,omitempty"`     // there is none any more
}

// A GroupLink is a text that a QR code can show as well. It names the account that
// made it, and the group; whoever has it may ask.
type GroupLink struct {
	Link      string `json:"link,omitempty"`
	Open      bool   `json:"open,omitempty"`
	Subscribe bool   `json:"subscribe,omitempty"`
}

// JoinGroupParams asks to join by a link.
type JoinGroupParams struct {
	Link string `json:"link"`
	Text string `json:"text,omitempty"` // for those who decide
}

// A GroupRequest is somebody who wants to join.
type GroupRequest struct {
	Group     string            `json:"group"`
	Title     string            `json:"title,omitempty"` // of the group
	Account   omega.Fingerprint `json:"account"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Similar   []NamedAccount    `json:"similar,omitempty"`    // of one that is no contact: whose name a person may take for this one
	Text      string            `json:"text,omitempty"`
	Time      time.Time         `json:"time"`
}

// GroupRequestsResult lists them, the first one first.
type GroupRequestsResult struct {
	Requests []GroupRequest `json:"requests"`
	Rest
}

// ApproveGroupParams answers requests.
type ApproveGroupParams struct {
	GroupAccounts
	Refuse bool `json:"refuse,omitempty"`
}

// ReachParams names a message of one's own in a group.
type ReachParams struct {
	MessageRef
	Page
}

// ReachResult says with whom a message of one's own in a group has come how far.
// Those who have not said anything are left out.
type ReachResult struct {
	Accounts []Reached `json:"accounts"`
	Rest
}

// A Reached is one of them.
type Reached struct {
	Account   omega.Fingerprint `json:"account"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	State     string            `json:"state"`                // delivered, read
}
