package group

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
)

// A field is one kind of line, or several that belong together.
type field struct {
	append func(*Op, []byte) []byte
	read   func(*Op, *canon.Reader)
}

// A form is what an operation of a type consists of.
type form struct {
	fields []field
	check  func(*Op) bool // nil: nothing beyond what all have
}

var forms = map[Type]form{
	TypeGenesis:    {[]field{profileField, ownersField, rulesField, succeedsField, secureField, calledField, nonceField}, (*Op).checkGenesis},
	TypeInvite:     {[]field{membersField}, (*Op).checkAccounts},
	TypeAccept:     {[]field{calledField}, (*Op).checkCalled},
	TypeLeave:      {},
	TypeRemove:     {[]field{membersField}, (*Op).checkAccounts},
	TypeBan:        {[]field{membersField}, (*Op).checkAccounts},
	TypeUnban:      {[]field{membersField}, (*Op).checkAccounts},
	TypeRole:       {[]field{roleField, membersField}, func(o *Op) bool { return o.Role != RoleNone && o.checkAccounts() }},
	TypeProfile:    {[]field{profileField}, func(o *Op) bool { return o.Profile.valid() }},
	TypePolicy:     {[]field{rulesField}, func(o *Op) bool { return o.Rules != nil && o.Rules.valid() }},
	TypePin:        {[]field{messagesField}, (*Op).checkMessages},
	TypeUnpin:      {[]field{messagesField}, (*Op).checkMessages},
	TypeRedact:     {[]field{messagesField}, (*Op).checkMessages},
	TypeRevert:     {[]field{operationsField}, func(o *Op) bool { return ordered(o.Operations, compareHash) }},
	TypeCheckpoint: {[]field{stateField}, func(o *Op) bool { return o.State != Hash{} }},
	TypeMerge:      {},
	TypeDissolve:   {},
}

var (
	membersField = accountsField("Member")
	ownersField  = accountsField("Owner")

	messagesField = field{
		func(o *Op, b []byte) []byte {
			for _, id := range o.Messages {
				b = canon.AppendHex(b, "Message", id[:])
			}
			return b
		},
		func(o *Op, r *canon.Reader) { o.Messages = readList(r, "Message", MaxItems, readID) },
	}
	operationsField = field{
		func(o *Op, b []byte) []byte {
			for _, h := range o.Operations {
				b = canon.AppendHex(b, "Operation", h[:])
			}
			return b
		},
		func(o *Op, r *canon.Reader) { o.Operations = readList(r, "Operation", MaxItems, readHash) },
	}
	roleField = field{
		func(o *Op, b []byte) []byte { return canon.AppendLine(b, "Role", o.Role.String()) },
		func(o *Op, r *canon.Reader) { o.Role, _ = ParseRole(r.Text("Role")) },
	}
	stateField = field{
		func(o *Op, b []byte) []byte { return canon.AppendHex(b, "State", o.State[:]) },
		func(o *Op, r *canon.Reader) { r.Hex("State", o.State[:]) },
	}
	nonceField = field{
		func(o *Op, b []byte) []byte { return canon.AppendHex(b, "Nonce", o.Nonce[:]) },
		func(o *Op, r *canon.Reader) { r.Hex("Nonce", o.Nonce[:]) },
	}
	succeedsField = field{
		func(o *Op, b []byte) []byte { return appendOptional(b, "Succeeds", o.Succeeds) },
		func(o *Op, r *canon.Reader) { o.Succeeds = readOptional(r, "Succeeds") },
	}
	calledField = field{
		func(o *Op, b []byte) []byte {
			if o.Called == "" {
				return b
			}
			return canon.AppendLine(b, "Called", o.Called)
		},
		func(o *Op, r *canon.Reader) {
			var ok bool
			o.Called, ok = r.Optional("Called")
			r.Bad = r.Bad || ok && o.Called == ""
		},
	}
	secureField = field{
		func(o *Op, b []byte) []byte {
			if !o.Secure {
				return b
			}
			return canon.AppendLine(b, "Secure", "yes")
		},
		func(o *Op, r *canon.Reader) {
			s, ok := r.Optional("Secure")
			o.Secure, r.Bad = ok, r.Bad || ok && s != "yes"
		},
	}
	profileField = field{
		func(o *Op, b []byte) []byte { return o.Profile.append(b) },
		func(o *Op, r *canon.Reader) { o.Profile = readProfile(r) },
	}
	rulesField = field{
		func(o *Op, b []byte) []byte {
			if o.Rules == nil {
				return b
			}
			return o.Rules.append(b)
		},
		func(o *Op, r *canon.Reader) { o.Rules = readRules(r) },
	}
)

func accountsField(name string) field {
	return field{
		func(o *Op, b []byte) []byte {
			for _, f := range o.Accounts {
				b = canon.AppendAddress(b, name, f)
			}
			return b
		},
		func(o *Op, r *canon.Reader) { o.Accounts = readList(r, name, MaxItems, canon.ParseFingerprint) },
	}
}

func (p *Profile) append(b []byte) []byte {
	b = canon.AppendLine(b, "Name", p.Name)
	if p.About != "" {
		b = canon.AppendLine(b, "About", p.About)
	}
	return appendOptional(b, "Picture", p.Picture)
}

func readProfile(r *canon.Reader) Profile {
	p := Profile{Name: r.Text("Name")}
	p.About, _ = r.Optional("About")
	p.Picture = readOptional(r, "Picture")
	return p
}

// IsName reports whether a group may be called so.
func IsName(s string) bool { return s != "" && plain(s, MaxName) }

func (p *Profile) valid() bool {
	return IsName(p.Name) && plain(p.About, MaxAbout)
}

// plain reports whether a value may stand in a line.
func plain(s string, size int) bool {
	return len(s) <= size && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !canon.Plain(r) }) < 0
}

// The roles of a rule are written in the plural.
func (r *Rules) lines() []struct {
	name string
	role *Role
} {
	return []struct {
		name string
		role *Role
	}{
		{"Invite", &r.Invite}, {"Pin", &r.Pin}, {"Profile", &r.Profile}, {"Write", &r.Write}, {"Mention-All", &r.MentionAll},
	}
}

func (r *Rules) append(b []byte) []byte {
	for _, l := range r.lines() {
		b = canon.AppendLine(b, l.name, l.role.String()+"s")
	}
	return canon.AppendLine(b, "History", r.History.String())
}

// String returns none, pins, all or a number.
func (h History) String() string {
	switch h {
	case HistoryNone:
		return "none"
	case HistoryPins:
		return "pins"
	case HistoryAll:
		return "all"
	}
	return strconv.Itoa(int(h))
}

// ParseHistory reads what History.String writes.
func ParseHistory(s string) (History, bool) {
	for _, h := range []History{HistoryNone, HistoryPins, HistoryAll} {
		if h.String() == s {
			return h, true
		}
	}
	n, err := strconv.Atoi(s)
	return History(n), err == nil && n >= 1 && n <= MaxHistory
}

// readRules reads rules, nil if there are none.
func readRules(r *canon.Reader) *Rules {
	if name, _, _, ok := r.Next(); !ok || name != "Invite" {
		return nil
	}
	rules := &Rules{}
	for _, l := range rules.lines() {
		*l.role, _ = ParseRole(strings.TrimSuffix(r.Text(l.name), "s"))
	}
	var ok bool
	if rules.History, ok = ParseHistory(r.Text("History")); !ok {
		r.Bad = true
	}
	return rules
}

func (r *Rules) valid() bool {
	for _, l := range r.lines() {
		if *l.role < RoleMember || *l.role > RoleOwner {
			return false
		}
	}
	_, ok := ParseHistory(r.History.String())
	return ok
}

// check holds an operation to the limits, in both directions.
func (o *Op) check() error {
	f, known := forms[o.Type]
	genesis := o.Type == TypeGenesis
	switch {
	case !known:
		return malformed("type %.20q", string(o.Type))
	case o.Author.Account.IsZero() || o.Author.Device.IsZero():
		return malformed("%s without an author", o.Type)
	case o.Time.UnixMilli() < 0 || o.Time.UnixMilli() > canon.MaxMilli:
		return malformed("%s at %v", o.Type, o.Time)
	case genesis != (o.Group == Hash{}) || genesis != (len(o.Parents) == 0):
		return malformed("%s without group or parents, or a genesis with them", o.Type)
	case len(o.Parents) > MaxParents || !strictly(o.Parents, compareHash):
		return malformed("%d parents, or one twice", len(o.Parents))
	case len(o.Cosigners) > MaxCosigners || !o.checkCosigners():
		return malformed("%d cosigners, or one twice", len(o.Cosigners))
	case f.check != nil && !f.check(o):
		return malformed("what a %s says", o.Type)
	}
	return nil
}

func (o *Op) checkCosigners() bool {
	for _, c := range o.Cosigners {
		if c.Account.IsZero() || c.Device.IsZero() || c.Account == o.Author.Account {
			return false
		}
	}
	return strictly(o.Cosigners, func(a, b Party) int { return a.Account.Compare(b.Account) })
}

func (o *Op) checkGenesis() bool {
	return o.checkAccounts() && slices.Contains(o.Accounts, o.Author.Account) && o.Profile.valid() &&
		(o.Rules == nil || o.Rules.valid()) && o.checkCalled() && !o.Nonce.IsZero()
}

// checkCalled holds a name to the form of profile names. (spec/chat.md, CHAT-3)
func (o *Op) checkCalled() bool {
	return plain(o.Called, MaxCalled) && o.Called == strings.Join(strings.Fields(o.Called), " ")
}

func (o *Op) checkAccounts() bool { return ordered(o.Accounts, omega.Fingerprint.Compare) }
func (o *Op) checkMessages() bool { return ordered(o.Messages, compareID) }

// ordered reports whether a list has 1 to MaxItems entries, in order, none
// twice.
func ordered[T any](s []T, compare func(a, b T) int) bool {
	return len(s) >= 1 && len(s) <= MaxItems && strictly(s, compare)
}

func strictly[T any](s []T, compare func(a, b T) int) bool {
	for i := 1; i < len(s); i++ {
		if compare(s[i-1], s[i]) >= 0 {
			return false
		}
	}
	return true
}

// readList reads at most limit lines of one name.
func readList[T any](r *canon.Reader, name string, limit int, parse func(string) (T, bool)) []T {
	var out []T
	for {
		value, ok := r.Optional(name)
		if !ok {
			return out
		}
		x, ok := parse(value)
		if !ok || len(out) == limit {
			r.Bad = true
			return nil
		}
		out = append(out, x)
	}
}

func readHash(s string) (h Hash, ok bool) {
	ok = canon.Unhex(h[:], s)
	return h, ok
}

func readID(s string) (id omega.ID, ok bool) {
	ok = canon.Unhex(id[:], s)
	return id, ok
}

func readParty(s string) (p Party, ok bool) {
	account, device, _ := strings.Cut(s, " ")
	var good bool
	p.Account, ok = canon.ParseFingerprint(account)
	p.Device, good = canon.ParseFingerprint(device)
	return p, ok && good
}

func appendOptional(b []byte, name string, h Hash) []byte {
	if h == (Hash{}) {
		return b
	}
	return canon.AppendHex(b, name, h[:])
}

func readOptional(r *canon.Reader, name string) (h Hash) {
	if s, ok := r.Optional(name); ok && (!canon.Unhex(h[:], s) || h == (Hash{})) {
		r.Bad = true
	}
	return h
}
