package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// Kinds of service lines and of news of devices.
const (
	DeviceAdded   = "device-added"
	DeviceRevoked = "device-revoked"
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
	Kind       string            `json:"kind"` // DeviceAdded, DeviceRevoked
	Account    omega.Fingerprint `json:"account"`
	Own        bool              `json:"own,omitempty"`
	Name       string            `json:"name,omitempty"` // of the account
	Device     omega.Fingerprint `json:"device"`
	DeviceName string            `json:"device_name"`
	Time       time.Time         `json:"time"` // by the word of the account
}

// DeviceNewsSeenParams says that a person has seen news, by their numbers, or
// knows devices of this account.
type DeviceNewsSeenParams struct {
	Numbers []int64             `json:"numbers,omitempty"`
	Devices []omega.Fingerprint `json:"devices,omitempty"`
}
