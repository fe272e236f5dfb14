package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// Kinds of service lines and of news of devices.
const (
	DeviceAdded   = "device-added"
	DeviceRevoked = "device-revoked"
	DeviceBack    = "device-back" // what another device removed is in the list again
)

// DeviceNewsParams asks for news of devices that no person has seen, with numbers
// above After, oldest first. Where there is none it waits.
type DeviceNewsParams struct {
	After   int64         `json:"after"`
	Timeout time.Duration `json:"timeout"` // wait so long for the first; nanoseconds
}

// DeviceNewsResult answers DeviceNewsOf.
type DeviceNewsResult struct {
	News []DeviceNews `json:"news"`
}

// DeviceNews is that a device came to an account, or went: a contact's, or this
// account's own. What another device of the account did is news until the person
// says that it is known: nobody else can.
type DeviceNews struct {
	Number     int64             `json:"number"`
	Kind       string            `json:"kind"` // DeviceAdded, DeviceRevoked, DeviceBack
	Account    omega.Fingerprint `json:"account"`
	Own        bool              `json:"own,omitempty"`
	Name       string            `json:"name,omitempty"` // of the account
	Device     omega.Fingerprint `json:"device"`
	DeviceName string            `json:"device_name"`
	Time       time.Time         `json:"time"` // by the word of the account

	// By is the device of the account that removed this one, in its own name, whether
	// that stands or is contested; none if the primary key did. Of several it is the one
	// that was linked first, and one whose word stands before others.
	By     omega.Fingerprint `json:"by,omitzero"`
	ByName string            `json:"by_name,omitempty"`
}

// DeviceNewsSeenParams says that a person has seen news, by their numbers, or
// knows devices of this account.
type DeviceNewsSeenParams struct {
	Numbers []int64             `json:"numbers,omitempty"`
	Devices []omega.Fingerprint `json:"devices,omitempty"`
}

// GiveHistoryParams has another device of this account get what is here. The same
// again changes nothing while that is under way.
type GiveHistoryParams struct {
	Device omega.Fingerprint `json:"device"`
}

// AskHistoryParams has another device of this account, which was there before this
// one, asked for what it has. Its person decides, with GiveHistory there. The same
// again changes nothing while that is under way.
type AskHistoryParams struct {
	Device omega.Fingerprint `json:"device"`
}

// HandoversResult answers Handovers.
type HandoversResult struct {
	Handovers []Handover `json:"handovers"`
	CaughtUp  bool       `json:"caught_up,omitempty"` // everything that waited at the homes is here: no offer is on its way
}

// States of a handover.
const (
	HandoverWanted  = "wanted"  // the taking device asked for it; the giving one's person decides
	HandoverAsked   = "asked"   // being made and uploaded
	HandoverOffered = "offered" // the other device may fetch it, or this one does
	HandoverDone    = "done"
	HandoverExpired = "expired" // nobody took it
)

// A Handover is a history that goes to another device of this account, or comes
// from one.
type Handover struct {
	Device     omega.Fingerprint `json:"device"` // the other one
	DeviceName string            `json:"device_name"`
	Gives      bool              `json:"gives"` // this device gives
	State      string            `json:"state"`
	Since      time.Time         `json:"since"`
	Messages   int               `json:"messages"`
	Taken      int               `json:"taken"`           // of them, about
	Size       int64             `json:"size,omitempty"`  // octets on the way; 0: not known yet
	Moved      int64             `json:"moved,omitempty"` // of them, while they move
	Why        string            `json:"why,omitempty"`   // code of the last failure; it is tried again
}
