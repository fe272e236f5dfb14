package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/omega-im/omega"
)

// DeliverySecretSize is the length of SettingDelivery in octets.
const DeliverySecretSize = 32

// Labels of what delivery tokens are made from. (spec/delivery.md, DELIV-47)
const (
	contactTokenLabel = "omega-im/token/contact/v1\n"
	groupTokenLabel   = "omega-im/token/group/v1\n"
)

// ContactToken is the token by which a contact, or another device of the account,
// writes to the account that has the secret. round is another one each time that the
// contact becomes one again.
func ContactToken(secret []byte, round uint64, contact omega.Fingerprint) omega.Token {
	b := binary.BigEndian.AppendUint64([]byte(contactTokenLabel), round)
	return makeToken(secret, contact.AppendTo(b))
}

// Token is the token by which members of the key's group write to one of them.
func (k *GroupKey) Token(to omega.Fingerprint) omega.Token {
	return makeToken(k.Secret[:], to.AppendTo([]byte(groupTokenLabel)))
}

func makeToken(key, of []byte) (t omega.Token) {
	m := hmac.New(sha256.New, key)
	m.Write(of)
	copy(t[:], m.Sum(nil))
	return t
}
