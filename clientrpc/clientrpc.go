// Package clientrpc is what a user interface and the client core say to each
// other: typed methods, their parameters and results, and errors that name
// what was being done, why it failed and what to do next. Terminal, browser,
// bots and scripts use these and nothing else of the core, so they cannot
// drift apart. The JSON forms of surfaces that scripts rely on are the JSON
// forms of these types.
package clientrpc

import (
	"context"
	"time"

	"github.com/omega-im/omega"
)

// A Method is one call: its name and the types of what goes in and comes out.
type Method[Req, Resp any] struct{ Name string }

// Call makes the call over c.
func (m Method[Req, Resp]) Call(ctx context.Context, c Conn, req Req) (Resp, error) {
	var resp Resp
	err := c.Call(ctx, m.Name, req, &resp)
	return resp, err
}

// A Conn carries calls to a core: in process or over a socket. It may be used
// by many goroutines at once. Calls that are made at once may overtake each other: who
// writes several things into a chat waits for each answer before the next call.
type Conn interface {
	// Call sends req and stores the answer in resp, a pointer. Errors that the
	// core returned are *Error. ErrHandover means that the core went away
	// before it answered; every call may be repeated on a new Conn.
	Call(ctx context.Context, method string, req, resp any) error
	Close() error
}

// The methods. Every one is idempotent or carries a client-made id.
var (
	Account = Method[None, *AccountInfo]{"account"}
	Send    = Method[SendParams, *SendResult]{"send"}
	Receive = Method[ReceiveParams, ReceiveResult]{"receive"}
	Confirm = Method[ConfirmParams, None]{"receive.confirm"}
	Chats   = Method[Page, ChatsResult]{"chats"}
	History = Method[HistoryParams, MessagesResult]{"history"}
	Search  = Method[SearchParams, *SearchResult]{"search"}
	Export  = Method[ExportParams, ExportResult]{"export"}
	Devices = Method[None, DevicesResult]{"devices"}
	Approve = Method[ApproveParams, Device]{"device.approve"}
	Revoke  = Method[RevokeParams, Device]{"device.revoke"}
	Rename  = Method[RenameParams, Device]{"device.rename"}
	Contest = Method[ContestParams, DevicesResult]{"device.contest"}
	Status  = Method[None, *StatusResult]{"status"}
	Lookup  = Method[LookupParams, LookupResult]{"lookup"}
	Homes   = Method[None, *HomesResult]{"homes"}

	DeviceNewsOf   = Method[DeviceNewsParams, DeviceNewsResult]{"device.news"}
	AskHistory     = Method[AskHistoryParams, Handover]{"device.history.ask"}
	GiveHistory    = Method[GiveHistoryParams, Handover]{"device.history.give"}
	Handovers      = Method[None, HandoversResult]{"device.history"}
	DeviceNewsSeen = Method[DeviceNewsSeenParams, None]{"device.news.seen"}

	Trace = Method[TraceParams, *TraceResult]{"trace"}

	SetHomes     = Method[SetHomesParams, *HomesResult]{"homes.set"}
	PreferServer = Method[PreferServerParams, None]{"server.prefer"}
	Listed       = Method[ListedParams, *ListedResult]{"account.listed"}
	SetName      = Method[SetNameParams, NameResult]{"account.name"}
	Delete       = Method[DeleteParams, *DeleteResult]{"account.delete"}
	Notices      = Method[NoticesParams, NoticesResult]{"notices"}
)

// None is for methods without parameters.
type None struct{}

// AccountInfo answers Account.
type AccountInfo struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Device      omega.Fingerprint `json:"device"`
	Name        string            `json:"name"`
	Devices     []Device          `json:"devices"`
	Certificate string            `json:"certificate"` // armored, public
}

// SetNameParams says what this account is to call itself, on all its devices. Nil changes
// nothing.
type SetNameParams struct {
	Name *string `json:"name,omitempty"`
}

// NameResult is what this account calls itself. Contacts learn of another name at once,
// others with the next message to them.
type NameResult struct {
	Name string `json:"name"`
}

// A Device of an account.
type Device struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"` // of the signing subkey
	Name        string            `json:"name"`
	Added       time.Time         `json:"added"`
	Status      string            `json:"status"` // active, revoked, expired
	This        bool              `json:"this,omitempty"`

	// Undated: it was revoked by what the primary key signed before, so that nobody
	// knows when. Revoking it with the primary key says so.
	Undated bool `json:"undated,omitempty"`

	// Removed are devices that this one, of the own account, removed in its own name, so
	// that it stands: Contest takes that back.
	Removed []omega.Fingerprint `json:"removed,omitempty"`
}

// RenameParams says how this account's devices are to call one of them. Other people
// see the name that it was linked with.
type RenameParams struct {
	Device omega.Fingerprint `json:"device"`
	Name   string            `json:"name"` // 1 to 64 octets; empty: the one that it was linked with
}

// DevicesResult answers Devices.
type DevicesResult struct {
	Devices []Device `json:"devices"`
}

// States of a message of one's own, in order.
const (
	StateQueued    = "queued"    // in the durable outbox
	StateStored    = "stored"    // ✓ on stable storage at the recipient's homes
	StateDelivered = "delivered" // ✓✓ a device of the recipient took it
	StateRead      = "read"      // 已讀
	StateFailed    = "failed"    // refused for good

	StateScheduled = "scheduled" // waits for the time at which it is to be sent
)

// SendParams sends one text.
type SendParams struct {
	ID      omega.ID      `json:"id"` // made by the caller; the same id again is the same message
	To      string        `json:"to"` // fingerprint of an account, or chat id
	Text    string        `json:"text"`
	Wait    string        `json:"wait"`    // none, stored, delivered or read
	Timeout time.Duration `json:"timeout"` // how long to wait; nanoseconds

	Entities []Entity `json:"entities,omitempty"`
	Markup   bool     `json:"markup,omitempty"` // Text is as a person typed it: chat.ParseMarkup makes text and entities
	Reply    *ReplyTo `json:"reply,omitempty"`
	Silent   bool     `json:"silent,omitempty"` // the other side is told without a sound
	Secure   bool     `json:"secure,omitempty"` // in the secure chat with the account that To means

	Expire time.Duration `json:"expire,omitempty"` // it is erased everywhere so long after it was sent; whole seconds; 0: it stays

	// At is when it is to be sent, by this device; what is not later than now is
	// sent now. Until then the state is StateScheduled, and nothing is waited for.
	At time.Time `json:"at,omitzero"`
}

// SendResult says how far the message got. Waiting in vain is no error: the
// state tells.
type SendResult struct {
	ID    omega.ID     `json:"id"`
	Chat  omega.ChatID `json:"chat"`
	State string       `json:"state"`
	Why   *Error       `json:"why,omitempty"` // for failed, and for queued after an error
}

// ReceiveParams asks for messages from others that no earlier Receive of this
// home returned.
type ReceiveParams struct {
	Count   int           `json:"count"`   // at most so many; 0 means 100
	Timeout time.Duration `json:"timeout"` // wait so long for the first; nanoseconds
	Settle  bool          `json:"settle"`  // answer also, with none, once everything that waits at the homes has come

	// News: answer also, perhaps with no message, when there are news of devices
	// that nobody has seen, with numbers above NewsAfter.
	News      bool  `json:"news,omitempty"`
	NewsAfter int64 `json:"news_after,omitempty"`
}

// ReceiveResult holds the messages, oldest first. They are this caller's for
// ReceiveHold or until its pipe ends; what is not confirmed by then comes
// again. Until then others get nothing that came later from the same device.
type ReceiveResult struct {
	Messages []Message `json:"messages"`

	News     []DeviceNews `json:"news,omitempty"`
	CaughtUp bool         `json:"caught_up,omitempty"` // the answer to Settle
	Waiting  int          `json:"waiting,omitempty"`   // about how many more wait at the homes
	Problem  *Error       `json:"problem,omitempty"`   // why none could come, when the time was over
}

// ReceiveHold is how long received messages wait for Confirm.
const ReceiveHold = 30 * time.Second

// ConfirmParams says which received messages were shown to the person: they
// do not come again, and their senders may learn that they were read.
type ConfirmParams struct {
	IDs []omega.ID `json:"ids"`
}

// Problems of a message that is not verified.
const (
	ProblemSignature = "signature"
	ProblemReplay    = "replay"
	ProblemMember    = "member"
	ProblemForwarded = "forwarded"
	ProblemClock     = "clock"
	ProblemDevice    = "device"
)

// A Message as every face shows it.
type Message struct {
	ID        omega.ID          `json:"id"`
	Chat      omega.ChatID      `json:"chat"`
	From      omega.Fingerprint `json:"from"`
	Device    omega.Fingerprint `json:"device"`
	Name      string            `json:"name,omitempty"`       // how the sender is called here
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Time      time.Time         `json:"time"`
	Received  time.Time         `json:"received,omitzero"`
	Kind      string            `json:"kind"` // text, poll, list, or an operation: edit, delete, reaction, pin, vote, entry, close
	Text      string            `json:"text"`
	Secure    bool              `json:"secure"`
	Verified  bool              `json:"verified"`
	Problem   string            `json:"problem,omitempty"`
	State     string            `json:"state,omitempty"` // of one's own messages
	Why       string            `json:"why,omitempty"`   // code of the reason why it failed
	Sequence  uint32            `json:"sequence,omitempty"`

	// Place is where it stands in its chat, in ms: messages are shown by place, and those of one
	// place as they come. One that comes late may move others behind itself: message.order tells of
	// that. (spec/chat.md, CHAT-96)
	Place int64 `json:"place,omitempty"`

	Inert     bool   `json:"inert,omitempty"`      // its sender is no contact: links and files in it must do nothing when they are touched
	Mentioned bool   `json:"mentioned,omitempty"`  // it calls this account, which is told even in a muted chat
	Delivered int    `json:"delivered,omitempty"`  // of one's own in a group: how many accounts took it
	ReadBy    int    `json:"read_by,omitempty"`    // and how many read it
	Group     string `json:"group,omitempty"`      // of an invitation: which group it is to
	GroupRole string `json:"group_role,omitempty"` // of an invitation to this account: its role there now, if that is not RoleInvited: nothing is to be accepted

	Entities  []Entity   `json:"entities,omitempty"`
	Reply     *Reply     `json:"reply,omitempty"`
	Forward   *ForwardOf `json:"forward,omitempty"`
	Edited    time.Time  `json:"edited,omitzero"` // when its author put Text in the place of what was signed
	Deleted   bool       `json:"deleted,omitempty"`
	Silent    bool       `json:"silent,omitempty"`
	Expires   time.Time  `json:"expires,omitzero"`    // when it is erased
	Pinned    bool       `json:"pinned,omitempty"`    // of the operation pin: what it does
	Reactions []Reaction `json:"reactions,omitempty"` // MaxReactions of them at most, this account's among them

	// OtherReactions count those of further accounts: Reactors names all.
	OtherReactions []EmojiCount `json:"other_reactions,omitempty"`

	// Counted is what subscribers of a channel said of it beside that: on the word of one who
	// may write there, and proved by nothing.
	Counted *Counted `json:"counted,omitempty"`

	Media []Medium `json:"media,omitempty"` // of kind media

	// Service: nobody said it, this program noted it. Kind is device-added,
	// device-revoked or device-back, From the account, Device the device, Text its name; or, in a
	// group, one of group-created, channel-created, group-joined, group-subscribed, group-left, group-removed,
	// group-banned, group-made-owner, group-made-admin, group-made-member,
	// group-renamed, group-described, group-pictured, group-rules, group-pinned and
	// group-dissolved: From is who did it, Text the name. Several that came at once
	// are one. In a secure chat of two it is secure-ended: From ended it. In all of these
	// it may be name-changed: From called itself Was, and calls itself Text now, which
	// looks like the names of About.
	Service    bool           `json:"service,omitempty"`
	Was        string         `json:"was,omitempty"`
	About      []NamedAccount `json:"about,omitempty"`       // of a line in a group: the first to whom it was done
	Mine       bool           `json:"mine,omitempty"`        // of such a line: this account did it
	AboutCount int            `json:"about_count,omitempty"` // how many they are
	Channel    bool           `json:"channel,omitempty"`     // of such a line, and of an invitation: the group is a channel, as far as is known

	// Imported: from a file of another messenger. There is no account behind the
	// name, and nothing is signed.
	Imported bool `json:"imported,omitempty"`

	Poll *Poll `json:"poll,omitempty"`
	List *List `json:"list,omitempty"`

	Targets []omega.ID `json:"targets,omitempty"` // of an operation: the messages that it is about, as far as they are here
	Emoji   []string   `json:"emoji,omitempty"`   // of the operation reaction
	Chosen  []string   `json:"chosen,omitempty"`  // of the operation vote: the answers that it is for, if its poll is here
}

// HistoryParams asks for one page, newest page first, oldest message first.
type HistoryParams struct {
	Chat   string   `json:"chat"` // chat id or fingerprint
	Count  int      `json:"count"`
	Before omega.ID `json:"before"` // zero: the end

	// At, instead of Before: the page that begins with the first message at or
	// after this time, by the clocks of who wrote.
	At time.Time `json:"at,omitzero"`

	// After, instead of Before: the page behind this message.
	After omega.ID `json:"after,omitzero"`
}

// What there is before the first page of a group's chat.
const (
	EarlierMissing = "missing" // members were asked; what they give stands there later
	EarlierLost    = "lost"    // no member that was asked has what was before
)

// MessagesResult is a page.
type MessagesResult struct {
	Messages []Message `json:"messages"`
	Rest               // of Pinned and Mentions; pages of History are asked for by Before

	// Earlier says of a page of a group's chat that is short what is before it: missing or
	// lost; empty: nothing, or nothing that this account may have.
	Earlier string `json:"earlier,omitempty"`

	// Notices about the other account of a direct chat, and about those that go on as it,
	// that came up in the time of this page of its history: they stand between the messages.
	Notices []Notice `json:"notices,omitempty"`
}

// ApproveParams binds the device of a link text to this account.
type ApproveParams struct {
	Text    string `json:"text"`
	History bool   `json:"history,omitempty"` // give it what is here, as GiveHistory does
}

// RevokeParams takes a device out of this account, by its fingerprint.
type RevokeParams struct {
	Device omega.Fingerprint `json:"device"`
}

// ContestParams takes back what devices of this account removed, and takes these devices
// out. (spec/keys.md, KEYS-37)
type ContestParams struct {
	Device omega.Fingerprint `json:"device,omitzero"` // that removed others; zero: every one
}

// LookupParams asks for somebody's certificate.
type LookupParams struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`

	// Public agrees that public key servers are asked for this fingerprint if the
	// cloud knows no such account. They learn that somebody asked.
	Public bool `json:"public,omitempty"`
}

// Where the answer to a look-up came from.
const (
	SourceCloud  = "cloud"  // an account; its certificate is verified
	SourcePublic = "public" // a public key server: no account, see PublicKey
)

// LookupResult answers Lookup. From a public key server there are no certificate,
// devices, homes and sequence.
type LookupResult struct {
	Source      string              `json:"source"`
	Public      *PublicKey          `json:"public_key,omitempty"`
	Fingerprint omega.Fingerprint   `json:"fingerprint"`
	Certificate string              `json:"certificate"`
	Devices     []Device            `json:"devices"`
	Homes       []omega.Fingerprint `json:"homes"`
	Sequence    uint64              `json:"sequence"`
	Chained     uint64              `json:"chained,omitempty"` // from this sequence on each record named the one before it
	Stated      uint64              `json:"stated,omitempty"`  // highest sequence that a device of the account spoke of
	Deleted     time.Time           `json:"deleted,omitzero"`
	Notices     []Notice            `json:"notices,omitempty"` // that stand
}

// A PublicKey is what a public key server has under the fingerprint of somebody
// without an account. Nobody can be written to by it, nothing is verified by it,
// and nothing of it is kept. (spec/keys.md, KEYS-18)
type PublicKey struct {
	Server    string    `json:"server"` // that had it
	Algorithm string    `json:"algorithm"`
	Bits      int       `json:"bits"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires,omitzero"`
	Revoked   bool      `json:"revoked"`
	UserIDs   []string  `json:"unverified_user_ids"` // what the key claims; nobody has verified that
}

// StatusResult is how the core is doing: what doctor prints.
type StatusResult struct {
	Online     bool              `json:"online"`
	Server     string            `json:"server"`                // address of the proxy it is attached to
	ServerName string            `json:"server_name,omitempty"` // what the proxy calls itself, if that is known
	Proxy      omega.Fingerprint `json:"proxy"`
	Resumed    bool              `json:"resumed"`
	Homes      []HomeStatus      `json:"homes"`
	Outbox     int               `json:"outbox"`           // messages waiting to be sent
	Untold     int               `json:"untold,omitempty"` // changes of whom this account lets in, of which its homes were not told yet
	Parked     int               `json:"parked"`           // mails waiting for a key; not those from before this device was added
	Skew       time.Duration     `json:"skew_ns"`          // this clock minus the home's
	Expires    time.Time         `json:"expires,omitzero"`
	Exposed    string            `json:"exposed,omitempty"` // the home directory, if others on this machine can read files in it
	Problem    *Error            `json:"problem,omitempty"` // why it is not online
	Deleted    time.Time         `json:"deleted,omitzero"`  // the owner deleted the account; this device learned it then
	Notices    []Notice          `json:"notices,omitempty"` // that are not over

	News []DeviceNews `json:"news,omitempty"` // of devices of this account that nobody has seen

	Backup      time.Time `json:"backup,omitzero"`       // when the last one was made
	BackupTried time.Time `json:"backup_tried,omitzero"` // when the last one was made that was read again
}

// HomeStatus is one home of the account.
type HomeStatus struct {
	Server   omega.Fingerprint `json:"server"`
	Attached bool              `json:"attached"`
	Code     string            `json:"code,omitempty"`
	Apart    bool              `json:"strangers_apart,omitempty"` // it was told in this run of the core whom this account lets in: what others write has a room of its own
}

// HomesResult lists the account's homes, in the order of its record, and after
// them former ones that are still read.
type HomesResult struct {
	Chosen bool   `json:"chosen"` // by the owner: nothing changes them
	Homes  []Home `json:"homes"`

	// Where the program chose, and found fewer than it wants: how many it wants,
	// and which servers it passed over.
	Want   int          `json:"want,omitempty"`
	Passed []PassedHome `json:"passed,omitempty"`
}

// A PassedHome is a server that is not a home although there are too few.
type PassedHome struct {
	Server   omega.Fingerprint `json:"server"`
	Name     string            `json:"name,omitempty"`
	Operator string            `json:"operator,omitempty"`
	Why      string            `json:"why"`
	Until    time.Time         `json:"until,omitzero"` // when it may be chosen, where that is known
}

// Values of PassedHome.Why.
const (
	PassedYoung   = "young"   // it has not been a member for long enough
	PassedInvites = "invite"  // it takes new accounts by invitation
	PassedClosed  = "closed"  // it takes no new accounts
	PassedLeaving = "leaving" // it is draining
	PassedNoLinks = "links"   // it is no full member of the cloud
	PassedAway    = "away"    // it cannot be reached
	PassedPending = "pending" // it may be chosen: it is about to be, or does not prove who it is
)

// A Home is a server that keeps the account's mail.
type Home struct {
	Server   omega.Fingerprint `json:"server"`
	Name     string            `json:"name,omitempty"`
	Operator string            `json:"operator,omitempty"`
	Site     string            `json:"site,omitempty"`
	Attached bool              `json:"attached"`         // this device gets mail from it now
	Code     string            `json:"code,omitempty"`   // why not
	Former   bool              `json:"former,omitempty"` // left, and not empty yet
}

// PreferServerParams says which server this device is to be connected to. Others are used
// while it is not to be had.
type PreferServerParams struct {
	Server string `json:"server"`           // address, with fingerprint
	Listed bool   `json:"listed,omitempty"` // picked from a list of servers; else its owner gave it
}

// SetHomesParams moves the account's mail to other servers. None means the
// cloud's choice.
type SetHomesParams struct {
	Homes []omega.Fingerprint `json:"homes"`
}

// TraceParams asks for the way that a message to somebody takes now.
type TraceParams struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	All         bool              `json:"all,omitempty"` // to every home, not only to the first that can be reached
}

// TraceResult has one way, or one per home in the order of the location record.
type TraceResult struct {
	Ways []Way `json:"ways"`
}

// A Way leads from this device to a home. Who is on it and when a server
// answered is the proxy's word: one that lies can make up all but the first hop.
type Way struct {
	Home    omega.Fingerprint `json:"home"`
	Hops    []Hop             `json:"hops"`   // from this device's proxy on
	Direct  bool              `json:"direct"` // no server between the proxy and the home
	TotalMS float64           `json:"total_ms"`
	Problem *Error            `json:"problem,omitempty"` // the home did not answer
}

// A Hop is one server on a way.
type Hop struct {
	Server omega.Fingerprint `json:"server"`
	Name   string            `json:"name,omitempty"`
	RTTMS  float64           `json:"rtt_ms"` // from this device and back
}

// DeleteParams deletes this account, for good: it is named by its fingerprint so
// that nobody deletes another one than he thinks.
type DeleteParams struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`

	// RevokeKey: the user knows that the tombstone revokes the key, which is
	// more than an account if it was theirs before, in gpg-agent.
	RevokeKey bool `json:"revoke_key,omitempty"`
}

// DeleteResult says that the account is deleted. What is stored here is left as
// it is.
type DeleteResult struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Deleted     time.Time         `json:"deleted"`
	Servers     int               `json:"servers,omitempty"` // that are known to have the tombstone; the others get it from them
}

// NoticesParams asks for notices with numbers above After, oldest first. Where
// there is none it waits.
type NoticesParams struct {
	After    int64         `json:"after"`
	Standing bool          `json:"standing,omitempty"` // only those that are not over
	Timeout  time.Duration `json:"timeout"`            // wait so long for the first; nanoseconds
}

// NoticesResult answers Notices.
type NoticesResult struct {
	Notices []Notice `json:"notices"`
}

// Kinds of notices.
const (
	NoticeDeleted  = "deleted"  // its owner deleted the account
	NoticeWithheld = "withheld" // servers show an older record than a device of the account spoke of: texts wait
	NoticeConflict = "conflict" // two records under one sequence
	NoticeFork     = "fork"     // a record that does not follow the one before it
	NoticeRollback = "rollback" // a server shows an older record than this device has seen

	NoticeExpired   = "expired"   // its key has expired
	NoticeRevoked   = "revoked"   // its key is revoked
	NoticeSucceeded = "succeeded" // it goes on as another account
	NoticeHeir      = "heir"      // it says that this account goes on as it

	NoticeDisputed  = "disputed"  // its devices disagree about who is one: Contest
	NoticeOvertaken = "overtaken" // this account: another device changed something at the same time, and that stands

	NoticeCopied = "copied" // this account: another copy of this device is, or was, connected
)

// A Notice is what a person should know about an account, with what proves it.
type Notice struct {
	Number    int64             `json:"number"`
	Account   omega.Fingerprint `json:"account"`
	Name      string            `json:"name,omitempty"`
	Kind      string            `json:"kind"`
	Sequence  uint64            `json:"sequence,omitempty"` // of the location record that it is about
	Time      time.Time         `json:"time"`
	Settled   time.Time         `json:"settled,omitzero"`   // when it was over
	Successor omega.Fingerprint `json:"successor,omitzero"` // that the account goes on as; with NoticeSucceeded
	Served    []byte            `json:"served,omitempty"`   // the record that a server showed, in wire form
	Other     []byte            `json:"other,omitempty"`    // what speaks against it: a record or certificate, or 64 octets of signature and the transcript
}

// ListedParams says whether anyone may ask which proxy the account is on. Nil
// changes nothing.
type ListedParams struct {
	Listed *bool `json:"listed,omitempty"`
}

// ListedResult is how that stands.
type ListedResult struct {
	Listed bool `json:"listed"`
}
