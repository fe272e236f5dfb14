package client

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// junkMessage looks like a message of a secure chat.
func junkMessage(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	b[0] = secure.PayloadMessage
	return b
}

// junkWraps are as many wraps as there may be, for the device's encryption subkey and
// none of a record.
func junkWraps(t *testing.T, to *somebody) []byte {
	t.Helper()
	b := append(append([]byte{secure.PayloadWrap}, junkMessage(8)...), omega.MaxDevices)
	for range omega.MaxDevices {
		packet, err := pgp.SealSessionKey(rand.Reader, to.identity().Decrypter.Public(), bytes.Repeat([]byte{7}, 32))
		must(t, err)
		packet[len(packet)-1] ^= 1
		b = binary.BigEndian.AppendUint16(b, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(len(packet)))
		b = append(append(b, packet...), 0)
	}
	return b
}

// TestStrangersTries: what strangers send as payloads of secure chats is tried with no
// epoch that they are not in, so and so often from one, and no more; one that begins a
// chat is heard meanwhile. (spec/secure.md, SEC-28)
func TestStrangersTries(t *testing.T) {
	p := newPost(t)
	ann, bob, eve, mal, dan := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "eve"), p.newSomebody(t, "mal"), p.newSomebody(t, "dan")
	bob.say(t, ann, "hello", clientrpc.StateStored)
	ann.say(t, bob, "hello", clientrpc.StateStored)
	bob.hasSecret(t, ann, "hello", "hello")
	for range 12 {
		ann.opens(t, bob, &secure.Plan{Chat: secure.Direct(ann.acc.Fingerprint, bob.acc.Fingerprint), Readers: []secure.Reader{p.reader(t, ann), p.reader(t, bob)}})
	}
	until(t, "many epochs are here", func() bool { return len(bob.epochs(t, ann)) >= 13 })

	tries := func(s *somebody) (n int) {
		must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
			own, _, err := tx.Tries(s.acc.Fingerprint, time.Time{})
			n = own.Count
			return err
		}))
		return n
	}
	taken := func() {
		t.Helper()
		until(t, "all is taken in", func() bool {
			var mails, acked uint64
			p.edit(func() { mails = uint64(len(p.boxes[bob.acc.Device].mails)) })
			for _, b := range p.frames(wire.TypeAck) {
				a, err := wire.DecodeAck(b)
				must(t, err)
				if a.Device == bob.acc.Device {
					acked = max(acked, a.Seq)
				}
			}
			return acked == mails
		})
	}
	epochs, wraps := bob.tried.epochs.Load(), bob.tried.wraps.Load()
	for range 4 * maxStrangerTries {
		eve.slips(t, bob, junkMessage(600))
	}
	taken()
	if n := tries(eve); n != maxStrangerTries {
		t.Errorf("%d payloads of one stranger were tried, want %d", n, maxStrangerTries)
	}
	if n := bob.tried.epochs.Load() - epochs; n != 0 {
		t.Errorf("they were tried with %d epochs of others", n)
	}
	for range 2 * maxStrangerTries {
		mal.slips(t, bob, junkWraps(t, bob))
	}
	taken()
	if n, counted := bob.tried.wraps.Load()-wraps, tries(mal); counted == 0 || counted > maxStrangerTries || n != int64(counted*omega.MaxDevices) {
		t.Errorf("%d wraps of %d payloads were tried", n, counted)
	}
	must(t, bob.db.View(t.Context(), func(tx *history.Tx) error { // they wait no longer than their room is
		all, err := tx.AllWaiting()
		if len(all) > 2*maxStrangerTries {
			t.Errorf("%d payloads wait", len(all))
		}
		return err
	}))

	dan.say(t, bob, "it is me", clientrpc.StateStored)
	bob.hasSecret(t, dan, "it is me")
	ann.say(t, bob, "and me", clientrpc.StateStored)
	bob.hasSecret(t, ann, "hello", "hello", "and me")
}
