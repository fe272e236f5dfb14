package pebble

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mailboxtest"
)

func TestLayoutRoundTrip(t *testing.T) {
	put := mailbox.Put{
		Seq: 7, To: []omega.Fingerprint{mailboxtest.Account(1), mailboxtest.Account(2)}, Key: mailbox.Key{1, 2},
		Received: 123, Expires: 456, Envelope: []byte("envelope"),
	}
	v := appendMail(nil, &put)
	if len(v) != mailSize(&put) {
		t.Errorf("mail takes %d octets, mailSize says %d", len(v), mailSize(&put))
	}
	m, err := parseMail(v)
	if err != nil || !reflect.DeepEqual(m.accounts(), put.To) || m.received != 123 || m.expires != 456 || string(m.envelope) != "envelope" {
		t.Errorf("mail = %+v, %v", m, err)
	}
	e := m.entry(7)
	if want := (mailbox.Entry{Seq: 7, Key: put.Key, Size: 8, Expires: 456, Shared: true}); e != want {
		t.Errorf("entry = %+v, want %+v", e, want)
	}
	if got, err := parseIndex(appendIndexKey(nil, put.To[0], 7), appendIndex(nil, e)); err != nil || got != e {
		t.Errorf("index = %+v, %v; want %+v", got, err, e)
	}
	put.Request = mailbox.Source{Sender: 3, Server: 4}
	v = appendMail(nil, &put)
	m, err = parseMail(v)
	if err != nil || len(v) != mailSize(&put) || m.request != put.Request || !reflect.DeepEqual(m.accounts(), put.To) || string(m.envelope) != "envelope" {
		t.Errorf("request = %+v, %v", m, err)
	}
	e.Request = put.Request
	if got, err := parseIndex(appendIndexKey(nil, put.To[0], 7), appendIndex(nil, e)); err != nil || got != e || got != m.entry(7) {
		t.Errorf("index of a request = %+v, %v; want %+v", got, err, e)
	}
	tokens := mailbox.Tokens{Made: 5, List: []omega.Token{{1}, {2}}}
	if got, err := parseTokens(appendTokens(nil, tokens)); err != nil || !reflect.DeepEqual(got, tokens) {
		t.Errorf("tokens = %+v, %v", got, err)
	}
	devices := []mailbox.DeviceCursor{{Device: put.To[0], Seq: 1}, {Device: put.To[1], Seq: 2}}
	if got, err := parseDevices(appendDevices(nil, devices)); err != nil || !reflect.DeepEqual(got, devices) {
		t.Errorf("devices = %+v, %v", got, err)
	}
	all := sums{next: 1, first: 2, totals: mailbox.Totals{Messages: 3, Bytes: 4, Tombstones: 5}}
	if got, err := parseSums(all.appendTo(nil)); err != nil || got != all {
		t.Errorf("sums = %+v, %v", got, err)
	}
	id := mailbox.TombID{Day: 20_000, Segment: 70_000}
	v = append(put.Key[:], make([]byte, mailbox.KeySize)...)
	if got, err := parseTombs(appendTombKey(nil, id, 9), v, nil); err != nil || !reflect.DeepEqual(got, mailbox.TombRun{TombID: id, First: 9, Keys: []mailbox.Key{put.Key, {}}}) {
		t.Errorf("tombstones = %+v, %v", got, err)
	}
}

func TestBitmap(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 256} {
		b := fullBitmap(n)
		for i := range n {
			if !b.has(i) || b.empty() {
				t.Fatalf("bitmap of %d: bit %d is not set", n, i)
			}
			b.clear(i)
		}
		if !b.empty() || b.has(n) {
			t.Errorf("bitmap of %d is not empty: %x", n, []byte(b))
		}
	}
}

func FuzzRecords(f *testing.F) {
	put := mailbox.Put{To: []omega.Fingerprint{mailboxtest.Account(1), mailboxtest.Account(2)}, Envelope: []byte("x")}
	f.Add(appendMail(nil, &put))
	put.Request = mailbox.Source{Sender: 1, Server: 1}
	f.Add(appendMail(nil, &put))
	f.Add(appendTokens(nil, mailbox.Tokens{Made: 1, List: []omega.Token{{1}}}))
	f.Add(appendDevices(nil, []mailbox.DeviceCursor{{Device: put.To[0], Seq: 1}}))
	f.Add(appendIndex(nil, mailbox.Entry{Shared: true}))
	f.Add(sums{}.appendTo(nil))
	f.Fuzz(func(t *testing.T, v []byte) {
		if m, err := parseMail(v); err == nil {
			again := mailbox.Put{To: m.accounts(), Key: m.key, Received: m.received, Expires: m.expires, Request: m.request, Envelope: m.envelope}
			if !bytes.Equal(appendMail(nil, &again), v) {
				t.Errorf("mail %x becomes another", v)
			}
		}
		if l, err := parseTokens(v); err == nil && !bytes.Equal(appendTokens(nil, l), v) {
			t.Errorf("tokens %x become others", v)
		}
		if d, err := parseDevices(v); err == nil && !bytes.Equal(appendDevices(nil, d), v) {
			t.Errorf("devices %x become others", v)
		}
		if e, err := parseIndex(v, v); err == nil && e.Seq == 0 && len(v) == 0 {
			t.Errorf("index from nothing")
		}
		if r, err := parseTombs(appendTombKey(nil, mailbox.TombID{}, 0), v, nil); err == nil && len(r.Keys)*mailbox.KeySize != len(v) {
			t.Errorf("%d tombstones from %d octets", len(r.Keys), len(v))
		}
		if s, err := parseSums(v); err == nil && len(v) == sumsSize && !bytes.Equal(s.appendTo(nil), v) {
			t.Errorf("sums %x become others", v)
		}
	})
}
