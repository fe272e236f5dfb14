package gpgagent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

const (
	maxListing = 4 << 20  // octets of one gpg listing
	maxExport  = 16 << 20 // octets of one exported key; gpg's own keyboxes hold 5 MiB
	maxName    = 254      // octets of a name that a key is looked up by
)

// A Key is a primary key whose secret gpg-agent keeps. It is a pgp.Signer and
// may be used by several goroutines; the agent asks its owner once at a time.
type Key struct {
	agent   *Agent
	public  *pgp.PublicKey
	expires time.Time // zero: never
	userID  string
	kind    string // algorithm as people know it
	keygrip string // the agent's name for the secret
	card    string // serial number of the smart card; "" if the secret is on disk
	purpose string // shown in the prompt; "" is the default
}

var _ pgp.Signer = (*Key)(nil)

// Key finds the key that name names in the owner's keyring, as gpg would: a
// fingerprint (of the primary key or of a subkey), a key id such as 0x…, or a
// part of its User ID. A key that cannot be adopted is refused with a *KeyError
// that says why. Nothing is asked of the owner yet.
func (a *Agent) Key(ctx context.Context, name string) (*Key, error) {
	name, err := cleanName(name)
	if err != nil {
		return nil, err
	}
	found, err := a.find(ctx, name)
	if err != nil {
		return nil, err
	}
	exp, err := a.export(ctx, found.fingerprint)
	if err != nil {
		return nil, err
	}
	public, err := judge(found, exp, a.cfg.Now())
	if err != nil {
		return nil, err
	}
	k := &Key{
		agent: a, public: public, expires: found.expires,
		userID: found.userID, kind: found.kind(), keygrip: found.keygrip,
	}
	if k.card, err = a.secret(ctx, k); err != nil {
		return nil, err
	}
	return k, nil
}

// maxOffers bounds the keys that Offers looks at; who has more names one.
const maxOffers = 32

// An Offer is a key of the owner that has a secret.
type Offer struct {
	Fingerprint string // upper-case hexadecimal digits
	UserID      string
	Kind        string    // algorithm as people know it
	Expires     time.Time // zero: never
	Refused     error     // a *KeyError: why it cannot be adopted; nil: it can
}

// Offers lists the keys of the owner's keyring that have a secret, with what Key
// would say of each: the first maxOffers as gpg has them. Nothing is asked of the
// owner.
func (a *Agent) Offers(ctx context.Context) (out []Offer, err error) {
	if ok, err := a.hasKeyring(); err != nil || !ok {
		return nil, err
	}
	list, err := a.gpgRead(ctx, maxListing, "--with-colons", "--fixed-list-mode", "--with-keygrip", "--list-secret-keys")
	if errors.Is(err, errNoPublicKey) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list GnuPG keys: %w", err)
	}
	keys, err := parseListing(list)
	if err != nil {
		return nil, fmt.Errorf("list GnuPG keys: %w", err)
	}
	for _, k := range keys[:min(len(keys), maxOffers)] {
		o := Offer{Fingerprint: k.fingerprint, UserID: k.userID, Kind: k.kind(), Expires: k.expires}
		_, o.Refused = a.Key(ctx, k.fingerprint)
		var known *KeyError
		if o.Refused != nil && !errors.As(o.Refused, &known) {
			return nil, o.Refused
		}
		out = append(out, o)
	}
	return out, nil
}

// cleanName returns name as gpg takes it on its command line.
func cleanName(name string) (string, error) {
	if fp, err := omega.ParseFingerprint(name); err == nil {
		return fp.String(), nil
	}
	name = strings.TrimSuffix(strings.TrimSpace(name), "!")
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return "", &KeyError{NoSuchKey, fmt.Sprintf("%q", clip(name, 80)), ""}
	}
	return name, nil
}

// find lists the one key of that name.
func (a *Agent) find(ctx context.Context, name string) (*listed, error) {
	shown := clip(name, 80)
	ok, err := a.hasKeyring()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &KeyError{NoSuchKey, shown, ""}
	}
	out, err := a.gpgRead(ctx, maxListing, "--with-colons", "--fixed-list-mode", "--with-keygrip", "--list-keys", "--", name)
	switch {
	case errors.Is(err, errNoPublicKey):
		return nil, &KeyError{NoSuchKey, shown, ""}
	case errors.Is(err, errTooMuch):
		return nil, &KeyError{Ambiguous, shown, "too many to list"}
	case err != nil:
		return nil, fmt.Errorf("list GnuPG key %s: %w", shown, err)
	}
	keys, err := parseListing(out)
	switch {
	case err != nil:
		return nil, fmt.Errorf("list GnuPG key %s: %w", shown, err)
	case len(keys) == 0:
		return nil, &KeyError{NoSuchKey, shown, ""}
	case len(keys) > 1:
		return nil, &KeyError{Ambiguous, shown, fingerprints(keys)}
	}
	return &keys[0], nil
}

// fingerprints lists the first few.
func fingerprints(keys []listed) string {
	var all []string
	for i, k := range keys {
		if i == 4 {
			all = append(all, "...")
			break
		}
		all = append(all, k.fingerprint)
	}
	return strings.Join(all, ", ")
}

// export reads the public part of a key.
func (a *Agent) export(ctx context.Context, fingerprint string) (*exported, error) {
	out, err := a.gpgRead(ctx, maxExport, "--export-options",
		"no-export-attributes,no-export-local-sigs,no-export-sensitive-revkeys,no-export-clean,no-export-minimal",
		"--export", "--", fingerprint)
	if err != nil {
		return nil, fmt.Errorf("export GnuPG key %s: %w", fingerprint, err)
	}
	exp, err := inspect(out, a.cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("export GnuPG key %s: %w", fingerprint, err)
	}
	return exp, nil
}

// judge returns the primary key if its public part can be adopted.
func judge(k *listed, exp *exported, now time.Time) (*pgp.PublicKey, error) {
	refuse := func(r Reason, detail string) (*pgp.PublicKey, error) {
		return nil, &KeyError{r, k.fingerprint, detail}
	}
	switch {
	case exp.version != 4 || len(k.fingerprint) != 40:
		return refuse(KeyVersion, fmt.Sprint(exp.version))
	case k.validity == "r":
		return refuse(Revoked, "")
	case k.validity == "e" || !k.expires.IsZero() && !now.Before(k.expires):
		return refuse(Expired, k.expires.Format("2006-01-02 15:04 MST"))
	case strings.Contains(k.can, "D"):
		return refuse(Disabled, "")
	}
	public, err := exp.publicKey()
	switch {
	case err != nil:
		return refuse(Unsupported, k.kind())
	case public.Fingerprint().String() != k.fingerprint:
		return nil, fmt.Errorf("export GnuPG key %s: %w: got %s", k.fingerprint, pgp.ErrMalformed, public.Fingerprint())
	case !strings.Contains(k.can, "c") || !exp.certify: // gpg shows c for every primary key
		return refuse(CannotCertify, "")
	case !exp.good && exp.weak != "":
		return refuse(WeakSelfSignature, exp.weak)
	case !exp.good:
		return refuse(NoSelfSignature, "")
	}
	return public, nil
}

// Public is the primary key.
func (k *Key) Public() *pgp.PublicKey { return k.public }

// Expires is when the owner's key expires in the owner's keyring; the zero time
// is never. A certificate made with the key should not outlive it.
func (k *Key) Expires() time.Time { return k.expires }

// UserID is the first User ID of the key in the owner's keyring. It goes
// nowhere: certificates get a neutral one.
func (k *Key) UserID() string { return k.userID }

// Card is the serial number of the smart card that has the secret, or "".
func (k *Key) Card() string { return k.card }

// For returns the same key with another purpose: the line of the passphrase
// prompt that says what is signed, such as "add the device phone", in the
// language of the person. At most 64 characters of it are shown.
func (k *Key) For(purpose string) *Key {
	c := *k
	c.purpose = purpose
	return &c
}
