package secure

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

func seal(tb testing.TB, e *Epoch, d *device, text string) []byte {
	tb.Helper()
	p, err := e.Seal(d.id(), now, []byte(text))
	must(tb, err)
	return p
}

// TestDowngradedWrap: a classic wrap passes for nothing else. (SEC-15)
func TestDowngradedWrap(t *testing.T) {
	devices := people(t, 2, 1, false)
	opener, reader := devices[0], devices[1]
	classic := Reader{Account: reader.account, Signing: reader.id(), Classic: reader.classic.Public()}
	p := plan(devices)
	p.Readers[1] = classic
	o, err := Open(t.Context(), rand.NewChaCha8([32]byte{3}), opener.sign, p)
	must(t, err)
	wraps, err := ParseWraps(o.Wraps[reader.account])
	must(t, err)
	secret, err := reader.classic.OpenSessionKey(nil, wraps[0].Packet) //nolint:staticcheck // software keys need none
	must(t, err)
	own, err := classic.Device()
	must(t, err)
	e, err := Accept(o.Record, &wraps[0], secret, own)
	must(t, err)
	if got := e.Record.Classic(); len(got) != 1 || got[0] != reader.account {
		t.Errorf("the downgrade is not shown: %v", got)
	}
	if _, err := reader.prekey.Open(wraps[0].Packet); !errors.Is(err, pgp.ErrDecrypt) {
		t.Errorf("the prekey opens a classic wrap: %v", err)
	}
	// The opener says that it was a prekey, in a record that is whole otherwise.
	for _, use := range []Use{UseOnce, UseWeek, UseChat} {
		lie := *e.Record
		lie.Members = []Member{}
		for _, m := range e.Record.Members {
			if m.Account == reader.account {
				m.Devices = []Device{{own.Signing, own.Key, use}}
			}
			lie.Members = append(lie.Members, m)
		}
		must(t, lie.sign(t.Context(), opener.sign))
		payload, err := lie.payload(&o.Epoch.keys)
		must(t, err)
		if _, err := Accept(payload, &wraps[0], secret, own); !errors.Is(err, ErrMalformed) {
			t.Errorf("classic, called %s: %v, want ErrMalformed", use, err)
		}
	}
}

// TestForwardedToAnotherChat: an opener uses one secret for two chats. What was
// sealed in one opens in the other neither as it is, nor with parts mixed.
func TestForwardedToAnotherChat(t *testing.T) {
	devices := people(t, 2, 1, false)
	readers := plan(devices)
	readers.Chat = omega.ChatID{2}
	both := [2][]*Epoch{}
	for i, p := range []*Plan{plan(devices), readers} {
		o, err := Open(t.Context(), zeros{}, devices[0].sign, p)
		must(t, err)
		both[i] = []*Epoch{o.Epoch, mustAccept(t, devices[1], o)}
	}
	if both[0][0].keys != both[1][0].keys || both[0][0].Record.Hash() == both[1][0].Record.Hash() {
		t.Fatal("not one secret in two epochs")
	}
	here, there := seal(t, both[0][0], devices[0], "here"), seal(t, both[1][0], devices[0], "there")
	for name, payload := range map[string][]byte{
		"whole":            here,
		"its header there": append(bytes.Clone(there[:clearSize]), here[clearSize:]...),
		"its text here":    append(bytes.Clone(here[:clearSize]), there[clearSize:]...),
	} {
		if in, err := both[1][1].Unseal(payload); !errors.Is(err, ErrUnsealed) {
			t.Errorf("%s: %v, %v, want ErrUnsealed", name, in, err)
		}
	}
	if _, err := both[1][1].Unseal(there); err != nil {
		t.Errorf("the true one, after the attacks: %v", err)
	}
}

// TestDrop: what a server keeps back is missed, and nothing else.
func TestDrop(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	const all, lost = 20, 7
	var payloads [][]byte
	for i := range all {
		payloads = append(payloads, seal(t, epochs[0], devices[0], fmt.Sprint(i)))
	}
	counts := map[omega.Fingerprint]uint32{devices[0].id(): all}
	for i, p := range payloads {
		if i != lost {
			_, err := epochs[1].Unseal(p)
			must(t, err)
		}
	}
	if epochs[1].Drained(counts) {
		t.Error("the lost message is not missed")
	}
	if in, err := epochs[1].Unseal(payloads[lost]); err != nil || in.Number != lost {
		t.Errorf("the lost message, sent again: %v, %v", in, err)
	}
	if !epochs[1].Drained(counts) {
		t.Error("something is missed, and all is here")
	}
}

// TestStolenDevice: who takes all that a device has, prekeys included, reads what
// is still to come in this epoch, but nothing that was read before, and nothing
// of the next epoch once prekeys are new.
func TestStolenDevice(t *testing.T) {
	devices := people(t, 2, 1, false)
	o, epochs := open(t, devices)
	read := seal(t, epochs[0], devices[0], "read")
	if _, err := epochs[1].Unseal(read); err != nil {
		t.Fatal(err)
	}
	thief, err := Unmarshal(epochs[1].Marshal())
	must(t, err)
	classic := devices[1].classic // of the prekey, used once, the secret is destroyed
	if _, err := thief.Unseal(read); !errors.Is(err, ErrUsed) {
		t.Errorf("the thief reads the past: %v", err)
	}
	wraps, err := ParseWraps(o.Wraps[devices[1].account])
	must(t, err)
	if _, err := classic.OpenSessionKey(nil, wraps[0].Packet); err == nil { //nolint:staticcheck // software keys need none
		t.Error("the long-lived key opens the recorded wrap")
	}
	if _, err := thief.Unseal(seal(t, epochs[0], devices[0], "to come")); err != nil {
		t.Errorf("not claimed, but no longer so; mend spec/threats.md: %v", err)
	}
	p := plan(devices)
	fresh, err := pgp.GeneratePrekey(rand.NewChaCha8([32]byte{77}), now)
	must(t, err)
	p.Readers[1].Prekey, err = SignPrekey(t.Context(), devices[1].sign, devices[1].account, fresh.Public(), UseChat, now, now.Add(time.Hour))
	must(t, err)
	p.Epoch, p.Parents = 1, []Hash{o.Epoch.Record.Hash()}
	next, err := Open(t.Context(), rand.NewChaCha8([32]byte{78}), devices[0].sign, p)
	must(t, err)
	after := seal(t, next.Epoch, devices[0], "after")
	if _, err := thief.Unseal(after); !errors.Is(err, ErrUnsealed) {
		t.Errorf("the thief reads the next epoch: %v", err)
	}
	if _, err := devices[1].accept(next); err == nil {
		t.Error("the stolen prekey opens the next epoch")
	}
}

// TestStolenServer: in all that travels there is neither text, nor chat, nor who
// is in it, in any spelling; and lengths tell only powers of two.
func TestStolenServer(t *testing.T) {
	devices := people(t, 3, 2, true)
	o, epochs := open(t, devices)
	start := o.Epoch.Marshal()
	text := "the canary sings"
	payloads := [][]byte{o.Record, seal(t, epochs[0], devices[0], text)}
	for _, b := range o.Wraps {
		payloads = append(payloads, b)
	}
	canaries := [][]byte{[]byte(text), o.Epoch.Record.Chat[:]}
	for _, d := range devices {
		for _, fp := range []omega.Fingerprint{d.account, d.id()} {
			canaries = append(canaries, fp.AppendTo(nil)[1:])
		}
	}
	hash := o.Epoch.Record.Hash()
	canaries = append(canaries, hash[:])
	for _, p := range payloads {
		for _, c := range canaries {
			hex := fmt.Sprintf("%x", c)
			if bytes.Contains(p, c) || bytes.Contains(p, []byte(hex)) || bytes.Contains(p, []byte(strings.ToUpper(hex))) {
				t.Errorf("payload of kind %d shows %q", p[0], c)
			}
		}
	}
	sizes := map[int]int{}
	for n := range 250 {
		e, err := Unmarshal(start)
		must(t, err)
		p, err := e.Seal(devices[0].id(), now, make([]byte, n))
		must(t, err)
		sizes[len(p)]++
	}
	if len(sizes) != 1 {
		t.Errorf("texts of 0 to 249 octets have %d lengths", len(sizes))
	}
}

// TestInsiderSpeaksAsAnother: who has the epoch's secret can seal as any device
// of it; that is what the signature inside is for, so Inner says nothing that
// could be taken for a proof.
func TestInsiderSpeaksAsAnother(t *testing.T) {
	devices := people(t, 3, 1, false)
	_, epochs := open(t, devices)
	forged, err := epochs[1].Seal(devices[0].id(), now, []byte("as another"))
	must(t, err)
	in, err := epochs[2].Unseal(forged)
	if err != nil || in.Device != devices[0].id() {
		t.Errorf("not claimed, but no longer so; mend spec/threats.md: %v, %v", in, err)
	}
}
