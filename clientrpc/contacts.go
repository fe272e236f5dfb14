package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about other people. What they set is the same on all devices of the
// account, nobody else hears of it, and it may be set again. (spec/chat.md, CHAT-46)
var (
	Contacts         = Method[ContactsParams, ContactsResult]{"contacts"}
	ShowContact      = Method[ContactRef, *Contact]{"contact.show"}
	AddContact       = Method[AddContactParams, *Contact]{"contact.add"} // or accepts a request
	NameContact      = Method[NameContactParams, *Contact]{"contact.name"}
	RemoveContact    = Method[ContactRef, *Contact]{"contact.remove"}
	DeclineContact   = Method[ContactRef, *Contact]{"contact.decline"}
	BlockContact     = Method[BlockContactParams, *Contact]{"contact.block"}
	ReportContact    = Method[ReportParams, *ReportResult]{"contact.report"}
	VerifyContact    = Method[VerifyParams, *Contact]{"contact.verify"}
	UncertifyContact = Method[ContactRef, *Contact]{"contact.uncertify"}     // by the primary key; contacts are told
	CertifyContact   = Method[ContactRef, *Contact]{"contact.certify"}       // by the primary key; it must be verified
	SucceedContact   = Method[ContactRef, *Contact]{"contact.succeed"}       // agrees that the account goes on as another, which it shows
	Inherit          = Method[ContactRef, *Contact]{"account.inherit"}       // this account is the one that another goes on as
	Succeed          = Method[ContactRef, *SucceedResult]{"account.succeed"} // this account goes on as another
	Card             = Method[None, *CardResult]{"contact.card"}
)

// States of another account.
const (
	ContactYes      = "contact"
	ContactRequest  = "request"  // it wrote, and nobody has answered or added it
	ContactDeclined = "declined" // what it writes is kept and told to nobody
	ContactStranger = "stranger" // none of these
)

// What is known of whether an account is who its owner's contact thinks.
const (
	VerifiedYes     = "verified" // in person, and nothing changed since
	VerifiedChanged = "changed"  // it was; a device is new since then, or the key is none any more
)

// States of the key of an account.
const (
	KeyValid   = "valid"
	KeyExpired = "expired"
	KeyRevoked = "revoked"
	KeyDeleted = "deleted" // the owner deleted the account
	KeyUnknown = "unknown" // no certificate is here

	KeySucceeded = "succeeded" // the account goes on as another one
)

// A Contact is another account as this one sees it. Of those in a list the fields
// from Devices on are left out.
type Contact struct {
	Account  omega.Fingerprint `json:"fingerprint"`
	Chat     omega.ChatID      `json:"chat"`
	State    string            `json:"state"` // contact, request, declined, stranger
	Blocked  bool              `json:"blocked,omitempty"`
	Name     string            `json:"name,omitempty"`     // how it calls itself, which proves nothing
	Petname  string            `json:"petname,omitempty"`  // how its contact calls it, which goes before Name
	Verified string            `json:"verified,omitempty"` // verified, changed
	Key      string            `json:"key"`                // valid, expired, revoked, deleted, succeeded, unknown
	Similar  []NamedAccount    `json:"similar,omitempty"`  // of one that is no contact: whose name a person may take for this one

	Devices    []Device       `json:"devices,omitempty"`
	NewDevices []Device       `json:"new_devices,omitempty"` // active ones, added since it was verified
	Expires    time.Time      `json:"expires,omitzero"`      // of the key
	Safety     string         `json:"safety,omitempty"`      // number of the two accounts: twelve groups of five digits
	Link       string         `json:"link,omitempty"`        // by which others add it
	Groups     []NamedChat    `json:"groups,omitempty"`      // that both are in
	Certified  []NamedAccount `json:"certified,omitempty"`   // contacts that certified its key
	Notices    []Notice       `json:"notices,omitempty"`     // that stand

	Successor omega.Fingerprint `json:"successor,omitzero"` // that the account goes on as
}

// A NamedAccount is an account, and how it is called here.
type NamedAccount struct {
	Account   omega.Fingerprint `json:"fingerprint"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	This      bool              `json:"this,omitempty"`       // it is this one
}

// A NamedChat is a chat with its name.
type NamedChat struct {
	Chat omega.ChatID `json:"chat"`
	Name string       `json:"name"`
}

// ContactsParams asks for accounts in one state, all contacts if none is named, or
// the blocked ones. Query is how somebody types a name: characters, pinyin or 注音
// initials.
type ContactsParams struct {
	Page
	State   string `json:"state,omitempty"`
	Blocked bool   `json:"blocked,omitempty"`
	Query   string `json:"query,omitempty"`
}

// ContactsResult lists them by name.
type ContactsResult struct {
	Contacts []Contact `json:"contacts"`
	Rest
}

// ContactRef names an account: by its fingerprint, its link (omega:contact/…), or
// the name that one contact has.
type ContactRef struct {
	Account string `json:"account"`
}

// AddContactParams makes a contact of an account, or of a stranger who wrote.
type AddContactParams struct {
	ContactRef
	Petname string `json:"petname,omitempty"`
}

// NameContactParams sets how a contact is called; empty: as it calls itself.
type NameContactParams struct {
	ContactRef
	Petname string `json:"petname"`
}

// BlockContactParams blocks an account, or does so no more.
type BlockContactParams struct {
	ContactRef
	Off bool `json:"off,omitempty"`
}

// ReportParams blocks an account and writes what it sent, with its signatures, to a
// folder, if one is named. Nobody is told by it.
type ReportParams struct {
	ContactRef
	Dir string `json:"dir,omitempty"` // absolute
}

// ReportResult says what was written.
type ReportResult struct {
	Contact  *Contact `json:"contact"`
	Dir      string   `json:"dir,omitempty"`
	Messages int      `json:"messages"`
}

// VerifyParams says that an account was verified: by its safety number, or by what
// was scanned from its owner's screen. One of them must be right. Off takes it back.
type VerifyParams struct {
	ContactRef
	Number string `json:"number,omitempty"` // white space does not matter
	Scan   string `json:"scan,omitempty"`
	Off    bool   `json:"off,omitempty"`
}

// CardResult is what others add and verify this account by.
type CardResult struct {
	Account omega.Fingerprint `json:"fingerprint"`
	Name    string            `json:"name"`
	Link    string            `json:"link"` // in capitals it is what the QR code holds

	Certified []NamedAccount `json:"certified,omitempty"` // who certified its key
}

// SucceedResult says that this account goes on as another, and how many contacts are
// told.
type SucceedResult struct {
	Old  omega.Fingerprint `json:"old"`
	New  omega.Fingerprint `json:"new"`
	Told int               `json:"told"`
}

// OfKey reports whether a notice says what the owner of an account did with its key.
// Others say that somebody does what nobody should.
func (n Notice) OfKey() bool {
	switch n.Kind {
	case NoticeDeleted, NoticeExpired, NoticeRevoked, NoticeSucceeded, NoticeHeir:
		return true
	}
	return false
}
