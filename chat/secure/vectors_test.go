package secure

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/secure.json anew; wraps differ each time")

type octets []byte

func (o octets) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(o)), nil }

func (o *octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.DecodeString(string(b))
	return err
}

// secureVectors are spec/vectors/secure.json: an epoch that the first device
// opened for two accounts with one device each, as the second one reads it.
type secureVectors struct {
	Secret     octets          `json:"secret"`
	Keys       map[string]any  `json:"keys"`   // by label of SEC-2, in hexadecimal digits
	Chains     []octets        `json:"chains"` // first chain keys, by index of the device
	Record     octets          `json:"record"` // payload
	RecordText string          `json:"record_text"`
	Name       octets          `json:"name"`
	Wraps      octets          `json:"wraps"` // payload, for the account of the prekey
	Prekey     prekeyVector    `json:"prekey"`
	Messages   []messageVector `json:"messages"` // by the first device, in the order of numbers
	Refused    []refusal       `json:"refused"`  // after all messages were opened
}

type prekeyVector struct {
	Secret  octets `json:"secret"` // u32 creation time | 32 X25519 scalar | 64 ML-KEM seed
	Signed  octets `json:"signed"`
	Account octets `json:"account"`
	Device  octets `json:"device"`     // packet of the signing subkey
	Key     octets `json:"key_hash"`   // as the record has it
	Session octets `json:"opens_wrap"` // what it finds in its wrap
}

type messageVector struct {
	Key     octets `json:"message_key"`
	Tag     octets `json:"tag"`
	Inner   string `json:"inner"`
	Payload octets `json:"payload"`
}

type refusal struct {
	Name    string `json:"name"`
	Payload octets `json:"payload"`
	Error   string `json:"error"` // malformed, unsealed or used
}

var refusals = map[string]error{"malformed": ErrMalformed, "unsealed": ErrUnsealed, "used": ErrUsed}

func makeVectors(t *testing.T) *secureVectors {
	devices := people(t, 2, 1, false)
	o, err := Open(t.Context(), zeros{}, devices[0].sign, plan(devices))
	must(t, err)
	e, reader := o.Epoch, devices[1]
	secret := Secret(bytes.Repeat([]byte{7}, 32))
	k := reader.signed.Hash()
	name := e.Record.Hash()
	v := &secureVectors{
		Secret: secret[:], Record: o.Record, RecordText: string(e.Record.Text()), Name: name[:], Wraps: o.Wraps[reader.account],
		Prekey: prekeyVector{
			Secret: reader.prekey.Marshal(), Signed: reader.signed.Marshal(), Account: reader.account.AppendTo(nil),
			Device: reader.sign.Public().Packet(true), Key: k[:], Session: secret[:],
		},
		Keys: map[string]any{},
	}
	for label, key := range map[string][]byte{
		"record": e.keys.record[:], "header": e.keys.header[:], "tag": e.keys.tag[:],
		"locator": e.keys.locator[:], "commitment": e.keys.commitment[:],
	} {
		v.Keys[label] = hex.EncodeToString(key)
	}
	for i := range e.chains {
		v.Chains = append(v.Chains, bytes.Clone(e.chains[i].key[:]))
	}
	for _, inner := range []string{"", "one", string(make([]byte, 252)), string(bytes.Repeat([]byte("4"), 253))} {
		c := e.chains[e.Record.Index(devices[0].id())].clone()
		key := c.step()
		p := seal(t, e, devices[0], inner)
		v.Messages = append(v.Messages, messageVector{key[:], p[1:9], inner, p})
	}
	v.Refused = makeRefused(t, e, devices[0], v.Messages[1].Payload)
	return v
}

func makeRefused(t *testing.T, e *Epoch, d *device, opened []byte) []refusal {
	fresh := seal(t, e, d, "fresh")
	changed := func(at int) []byte {
		b := bytes.Clone(fresh)
		b[at] ^= 1
		return b
	}
	padded, err := e.sealPadded(d, append(pad([]byte("x"))[:255], 1))
	must(t, err)
	return []refusal{
		{"opened before", opened, "used"},
		{"another tag", changed(1), "unsealed"},
		{"header changed", changed(9), "unsealed"},
		{"ciphertext changed", changed(clearSize), "unsealed"},
		{"code changed", changed(len(fresh) - 1), "unsealed"},
		{"cut short", fresh[:len(fresh)-256], "malformed"},
		{"another kind of payload", changed(0), "malformed"},
		{"padding that is not zero", padded, "malformed"},
	}
}

// sealPadded is Seal for octets that are padded already, and wrongly.
func (e *Epoch) sealPadded(d *device, padded []byte) ([]byte, error) {
	before := e.chains[e.Record.Index(d.id())].clone()
	whole, err := e.Seal(d.id(), now, nil)
	if err != nil {
		return nil, err
	}
	head := whole[:clearSize:clearSize]
	return sealGCM(head, before.step(), make([]byte, nonceSize), padded, e.bodyData(head))
}

func TestVectors(t *testing.T) {
	if *update {
		b, err := json.MarshalIndent(makeVectors(t), "", "  ")
		must(t, err)
		must(t, os.WriteFile("../../spec/vectors/secure.json", append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile("../../spec/vectors/secure.json")
	if !*update {
		b, err = spec.Vectors.ReadFile("vectors/secure.json")
	}
	must(t, err)
	var v secureVectors
	must(t, json.Unmarshal(b, &v))
	e := v.accept(t)
	v.derive(t, e)
	for i, m := range v.Messages {
		in, err := e.Unseal(m.Payload)
		if err != nil || string(in.Octets) != m.Inner || in.Number != uint32(i) || !bytes.Equal(m.Payload[1:9], m.Tag) {
			t.Errorf("message %d: %+v, %v", i, in, err)
		}
	}
	for _, r := range v.Refused {
		if _, err := e.Unseal(r.Payload); refusals[r.Error] == nil || !errors.Is(err, refusals[r.Error]) {
			t.Errorf("%s: %v, want %s", r.Name, err, r.Error)
		}
	}
}

// accept reads prekey, wrap and record as the file has them.
func (v *secureVectors) accept(t *testing.T) *Epoch {
	devices := people(t, 2, 1, false)
	opener, reader := devices[0], devices[1]
	secret, err := pgp.UnmarshalPrekeySecret(v.Prekey.Secret)
	must(t, err)
	signed, err := ParsePrekey(v.Prekey.Signed)
	must(t, err)
	must(t, signed.Verify(reader.sign.Public(), reader.account, now))
	if hash := signed.Hash(); !bytes.Equal(hash[:], v.Prekey.Key) || !bytes.Equal(secret.Public().Packet(), signed.Key.Packet()) ||
		!bytes.Equal(v.Prekey.Device, reader.sign.Public().Packet(true)) || !bytes.Equal(v.Prekey.Account, reader.account.AppendTo(nil)) {
		t.Error("prekey: hash, key, device or account differ")
	}
	wraps, err := ParseWraps(v.Wraps)
	must(t, err)
	session, err := secret.Open(wraps[0].Packet)
	must(t, err)
	if !bytes.Equal(session, v.Secret) || !bytes.Equal(session, v.Prekey.Session) {
		t.Error("the wrap has another secret")
	}
	e, err := Accept(v.Record, &wraps[0], session, Device{reader.id(), signed.Hash(), signed.Use})
	must(t, err)
	must(t, e.Record.VerifyRecord(opener.sign.Public()))
	if name := e.Record.Hash(); !bytes.Equal(name[:], v.Name) || string(e.Record.Text()) != v.RecordText {
		t.Error("record: text or name differ")
	}
	return e
}

// derive computes keys from the formulas of SEC-2 and SEC-5 and nothing else.
func (v *secureVectors) derive(t *testing.T, e *Epoch) {
	expand := func(label string) []byte {
		k, err := hkdf.Key(sha256.New, v.Secret, nil, label, 32)
		must(t, err)
		return k
	}
	for label, want := range v.Keys {
		got := expand("omega-im/secure/" + label + "/v1\n")
		if label == "locator" {
			got = got[:8]
		}
		if hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, want %s", label, got, want)
		}
	}
	if len(v.Keys) != 5 || len(v.Chains) != 2 {
		t.Fatalf("%d keys, %d chains", len(v.Keys), len(v.Chains))
	}
	for i, d := range e.devices {
		if got := expand("omega-im/secure/chain/v1\n" + string(d.Signing.AppendTo(nil))); !bytes.Equal(got, v.Chains[i]) {
			t.Errorf("chain %d: %x, want %x", i, got, v.Chains[i])
		}
	}
	sum := func(key []byte, b byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte{b})
		return h.Sum(nil)
	}
	chain := []byte(v.Chains[e.Record.Index(e.Record.Device)])
	for i, m := range v.Messages {
		if got := sum(chain, 1); !bytes.Equal(got, m.Key) {
			t.Errorf("message key %d: %x, want %x", i, got, m.Key)
		}
		chain = sum(chain, 2)
	}
}
