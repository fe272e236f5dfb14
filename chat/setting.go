package chat

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
)

// Limits of settings. (spec/chat.md, CHAT-27)
const (
	// MaxSettings is how many settings one message may have.
	MaxSettings = 128

	// MaxSettingValue is the longest value in octets.
	MaxSettingValue = 16 << 10

	maxSubject = 64
)

// Names of settings. Those of later versions are kept and passed on.
const (
	SettingRead     = "read"        // chat | device: its messages were read up to a sequence
	SettingDraft    = "draft"       // chat: text that is not sent yet
	SettingMuted    = "muted"       // chat: until when, ms since 1970
	SettingArchived = "archived"    // chat
	SettingNoRead   = "no-read"     // chat: its people are not told what was read
	SettingPresence = "no-presence" // chat, or empty for all: others are not told that this account types, or is there
	SettingUnread   = "unread"      // chat: the person wants to see it as unread
	SettingTop      = "top"         // chat: on top of the list, since when, ms since 1970
	SettingHidden   = "hidden"      // chat | link: the message was deleted for this account
	SettingFolder   = "folder"      // folder, 8 octets: its title
	SettingInFolder = "in-folder"   // folder | chat

	SettingName       = "name"        // what the account calls itself (CHAT-97)
	SettingDeviceName = "device-name" // device, 21 or 33 octets: how this account's owner calls it (CHAT-80)

	SettingRevocation = "revocation" // device, 21 or 33 octets: what revokes it (spec/keys.md, KEYS-23)

	SettingGroupLink = "group-link" // group, 32 octets | kind of link: the ticket of this account\'s link (spec/group.md, GROUP-23)

	SettingStickers = "stickers" // name of a pack, 32 octets: where it is, and what it is called (CHAT-60)

	SettingDelivery = "delivery" // what this account's delivery tokens are made from, DeliverySecretSize octets (spec/delivery.md, DELIV-47)

	SettingContact  = "contact"  // account: Contact or Declined (spec/chat.md, CHAT-46)
	SettingBlocked  = "blocked"  // account
	SettingPetname  = "petname"  // account: how this account's owner calls it
	SettingCalled   = "called"   // account: what it called itself when another device last heard (CHAT-85)
	SettingVerified = "verified" // account: the devices that it had when it was verified
)

// Values of SettingContact.
const (
	Contact  byte = 1
	Declined byte = 2
)

// A Setting is one thing that the devices of an account agree on. Of those with
// one name and subject the one that wins is kept, so the order in which they
// arrive does not matter. An empty value says that it is not set.
type Setting struct {
	Name    string
	Subject []byte
	Value   []byte
	Stamp   Stamp
}

// Wins reports whether s counts before o, which has the same name and subject.
func (s *Setting) Wins(o *Setting) bool {
	return cmp.Or(s.Stamp.Compare(o.Stamp), bytes.Compare(s.Value, o.Value)) > 0
}

// valid holds a setting to CHAT-27, and what is known of its form.
func (s *Setting) valid() bool {
	ms := s.Stamp.Time.UnixMilli()
	if !Kind(s.Name).valid() || len(s.Subject) > maxSubject || len(s.Value) > MaxSettingValue || s.Stamp.Version == 0 ||
		s.Stamp.Device.IsZero() || ms < 0 || ms > canon.MaxMilli {
		return false
	}
	const chat, link, folder = len(omega.ChatID{}), len(Link{}), len(FolderID{})
	size := len(s.Subject)
	switch s.Name {
	case SettingRead:
		return size > chat && len(s.Value) == 4
	case SettingPresence:
		return size == chat || size == 0
	case SettingDraft, SettingArchived, SettingNoRead, SettingUnread:
		return size == chat
	case SettingMuted, SettingTop:
		return size == chat && (len(s.Value) == 0 || len(s.Value) == 8)
	case SettingHidden:
		return size == chat+link
	case SettingFolder:
		return size == folder && string(s.Value) == SanitizeName(string(s.Value))
	case SettingGroupLink:
		return size == len(Hash{})+1 && (len(s.Value) == 0 || len(s.Value) == len(Ticket{}))
	case SettingStickers:
		_, _, err := s.PackOf()
		return err == nil || size == len(Hash{}) && len(s.Value) == 0
	case SettingName:
		return size == 0 && validName(string(s.Value))
	case SettingInFolder:
		return size == folder+chat
	case SettingDelivery:
		return size == 0 && (len(s.Value) == 0 || len(s.Value) == DeliverySecretSize)
	case SettingContact, SettingBlocked, SettingPetname, SettingVerified:
		return s.validContact()
	case SettingDeviceName:
		return s.validDeviceName()
	}
	return true
}

// validName holds what an account calls itself to CHAT-97.
func validName(name string) bool { return name == SanitizeName(name) && !names.Blank(name) }

// validDeviceName holds a name that a device was given to CHAT-80; an empty one takes it
// away.
func (s *Setting) validDeviceName() bool {
	_, n, err := omega.DecodeFingerprint(s.Subject)
	return err == nil && n == len(s.Subject) && (len(s.Value) == 0 || pgp.CheckDeviceName(string(s.Value)) == nil)
}

// validContact holds what is said of an account to CHAT-46.
func (s *Setting) validContact() bool {
	if _, n, err := omega.DecodeFingerprint(s.Subject); err != nil || n != len(s.Subject) {
		return false
	}
	switch s.Name {
	case SettingContact:
		return len(s.Value) == 0 || len(s.Value) == 1 && (s.Value[0] == Contact || s.Value[0] == Declined)
	case SettingPetname:
		return string(s.Value) == SanitizeName(string(s.Value))
	case SettingVerified:
		_, ok := DevicesOf(s.Value)
		return ok
	}
	return true
}

// DevicesOf reads the value of SettingVerified; no devices for an empty one.
func DevicesOf(value []byte) (out []omega.Fingerprint, ok bool) {
	for len(value) > 0 {
		fp, n, err := omega.DecodeFingerprint(value)
		if err != nil || len(out) == omega.MaxDevices || len(out) > 0 && out[len(out)-1].Compare(fp) >= 0 {
			return nil, false
		}
		out, value = append(out, fp), value[n:]
	}
	return out, true
}

// A FolderID names a folder of chats; made by chance.
type FolderID [8]byte

// Moment is the value of a setting that is a time.
func Moment(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())) }

// MomentOf reads a value that Moment made; zero if it is none.
func MomentOf(value []byte) time.Time {
	if len(value) != 8 {
		return time.Time{}
	}
	return time.UnixMilli(int64(min(binary.BigEndian.Uint64(value), canon.MaxMilli))).UTC()
}

// ReadMark says that a device's messages in a chat were read up to a sequence.
// Its version is the sequence: the highest counts.
func ReadMark(c omega.ChatID, device omega.Fingerprint, sequence uint32) Setting {
	return Setting{
		Name: SettingRead, Subject: append(c[:], device.Wire()...), Value: binary.BigEndian.AppendUint32(nil, sequence),
		Stamp: Stamp{Version: sequence},
	}
}

// ReadMarkOf reads a setting that ReadMark made.
func (s *Setting) ReadMarkOf() (c omega.ChatID, device omega.Fingerprint, sequence uint32, ok bool) {
	if s.Name != SettingRead || len(s.Subject) <= len(c) || len(s.Value) != 4 {
		return c, device, 0, false
	}
	device, n, err := omega.DecodeFingerprint(s.Subject[len(c):])
	return omega.ChatID(s.Subject[:len(c)]), device, binary.BigEndian.Uint32(s.Value), err == nil && n == len(s.Subject)-len(c)
}

func encodeSettings(list []Setting) *chatpb.State {
	if len(list) == 0 {
		return nil
	}
	p := &chatpb.State{}
	for i := range list {
		s := &list[i]
		p.Settings = append(p.Settings, &chatpb.Setting{
			Name: s.Name, Subject: s.Subject, Value: s.Value, Version: s.Stamp.Version,
			Time: uint64(max(s.Stamp.Time.UnixMilli(), 0)), Device: wireOrNil(s.Stamp.Device),
		})
	}
	return p
}

func (r *fieldReader) settings(p *chatpb.State) []Setting {
	if p == nil {
		return nil
	}
	if len(p.Settings) > MaxSettings {
		r.bad = true
		return nil
	}
	out := make([]Setting, 0, len(p.Settings))
	for _, s := range p.Settings {
		r.bad = r.bad || s.Time > canon.MaxMilli
		stamp := Stamp{s.Version, time.UnixMilli(int64(min(s.Time, canon.MaxMilli))).UTC(), r.fingerprint(s.Device)}
		out = append(out, Setting{s.Name, s.Subject, s.Value, stamp})
	}
	return out
}

func validSettings(list []Setting) bool {
	if len(list) > MaxSettings {
		return false
	}
	for i := range list {
		if !list[i].valid() {
			return false
		}
	}
	return true
}
