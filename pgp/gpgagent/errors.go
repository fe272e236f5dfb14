package gpgagent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/omega-im/omega/pgp"
)

// A Reason says why a key cannot be adopted.
type Reason int

// The reasons, in the order in which they are looked for.
const (
	NoSuchKey         Reason = iota + 1 // the keyring has no such key
	Ambiguous                           // the name fits several keys
	KeyVersion                          // not an OpenPGP version 4 key
	Revoked                             // the primary key is revoked
	Expired                             // the primary key is expired
	Disabled                            // disabled by its owner in GnuPG
	Unsupported                         // the primary key's algorithm or size is refused
	CannotCertify                       // the primary key has no right to certify
	NoSelfSignature                     // no self-signature verifies
	WeakSelfSignature                   // the self-signatures that verify are made with SHA-1 or MD5
	Offline                             // gpg-agent does not have the primary key's secret
	CardMissing                         // the secret is on a smart card that is not inserted
)

// A KeyError is returned by [Agent.Key] for a key that cannot be adopted. Its
// text says why and what its owner can do. errors.Is finds the error of
// package pgp that has the same meaning.
type KeyError struct {
	Reason Reason
	Key    string // fingerprint; or what was asked for, when nothing was found
	Detail string // algorithm, date, card or similar, as the text shows it
}

// Error says what is wrong with which key and what to do.
func (e *KeyError) Error() string {
	text := strings.NewReplacer("{key}", e.Key, "{detail}", e.Detail).Replace(keyErrorTexts[e.Reason])
	return fmt.Sprintf("GnuPG key %s: %s", e.Key, text)
}

var keyErrorTexts = map[Reason]string{
	NoSuchKey:   "is not in your keyring; list the keys that are yours with: gpg -K",
	Ambiguous:   "the name fits several keys ({detail}); give the fingerprint of one",
	KeyVersion:  "is an OpenPGP key of version {detail}; only version 4 can be used, choose or make such a key",
	Revoked:     "is revoked, which is for ever; choose another key or make one with: gpg --full-generate-key",
	Expired:     "expired on {detail}; extend it with: gpg --quick-set-expire {key} 2y",
	Disabled:    "is disabled in your keyring; enable it with: gpg --edit-key {key} enable quit",
	Unsupported: "its primary key is {detail}, which is refused; choose or make an Ed25519, NIST, brainpool or RSA (2048 to 4096 bits) key",
	CannotCertify: "its primary key has no right to certify, so it cannot vouch for devices; " +
		"choose another key or make one with: gpg --full-generate-key",
	NoSelfSignature: "has no self-signature that verifies; look at it with: gpg --check-sigs {key}",
	WeakSelfSignature: "its self-signatures use {detail}, which can be forged; renew them with: " +
		"gpg --cert-digest-algo SHA256 --quick-set-expire {key} 2y",
	Offline: "the secret part of its primary key is not on this computer (gpg -K shows sec#); " +
		"do this where the secret is, or bring it here first",
	CardMissing: "its secret is on smart card {detail}, which does not answer; insert the card and see that this shows it: gpg --card-status",
}

// Unwrap returns the error of package pgp that the reason amounts to.
func (e *KeyError) Unwrap() error {
	switch e.Reason {
	case Revoked:
		return pgp.ErrRevoked
	case Expired:
		return pgp.ErrExpired
	case Offline, CardMissing:
		return pgp.ErrOffline
	case KeyVersion, Unsupported, CannotCertify, NoSelfSignature, WeakSelfSignature:
		return pgp.ErrPolicy
	}
	return nil
}

// Errors of a signature that did not come about.
var (
	ErrNoGnuPG    = errors.New("GnuPG is not installed or has no key yet")
	ErrNoAgent    = errors.New("gpg-agent does not answer")
	ErrCanceled   = errors.New("the passphrase prompt was cancelled")
	ErrNoPinentry = errors.New("gpg-agent cannot ask for the passphrase; in a terminal run: export GPG_TTY=$(tty)")
	ErrLocale     = errors.New("the passphrase prompt cannot use the locale; set LC_ALL to one that `locale -a` lists")
)

// An AgentError is an ERR answer of gpg-agent.
type AgentError struct {
	Command string
	Code    uint32 // libgpg-error: source in the upper octet, code in the lower 16 bits
	Text    string // in the agent's language
}

// Error names the command and the agent's own text.
func (e *AgentError) Error() string {
	return fmt.Sprintf("gpg-agent %s: %s (error %d)", e.Command, e.Text, e.Code&0xffff)
}

// Codes of libgpg-error that decide something here.
const (
	codeBadPassphrase  = 11
	codeNoSecretKey    = 17
	codeNotFound       = 27
	codeTimeout        = 62
	codeNoPinentry     = 85
	codePinentry       = 86
	codeBadPIN         = 87
	codeCanceled       = 99
	codeCardNotPresent = 112
	codeNotConfirmed   = 114
	codeLocaleProblem  = 166
	codeFullyCanceled  = 198

	codeSystem     = 1 << 15 // set in codes that are errors of the operating system
	sourcePinentry = 5
)

// Unwrap returns the error that callers decide on, or nil.
func (e *AgentError) Unwrap() error {
	if e.Code>>24&0x7f == sourcePinentry && e.Code&codeSystem != 0 {
		return ErrNoPinentry // such as "Inappropriate ioctl": what it was told to ask on is no terminal
	}
	switch e.Code & 0xffff {
	case codeBadPassphrase, codeBadPIN:
		return pgp.ErrLocked
	case codeNoSecretKey, codeCardNotPresent:
		return pgp.ErrOffline
	case codeTimeout:
		return context.DeadlineExceeded
	case codeNoPinentry, codePinentry:
		return ErrNoPinentry
	case codeLocaleProblem:
		return ErrLocale
	case codeCanceled, codeNotConfirmed, codeFullyCanceled:
		return ErrCanceled
	}
	return nil
}
