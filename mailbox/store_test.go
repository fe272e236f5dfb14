package mailbox_test

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mem"
)

func TestSmoke(t *testing.T) {
	s, err := mailbox.Open(mailbox.Config{Driver: mem.New()})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := omega.FingerprintV4(make([]byte, 20))
	done := make(chan error, 1)
	it := &mailbox.Item{Recipients: []omega.Fingerprint{a}, Envelope: []byte("hi"), Done: func(_ *mailbox.Item, err error) { done <- err }}
	if err := s.Append(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	m, err := s.Read(t.Context(), a, 0, mailbox.Limit{})
	t.Log(m, err, it.Results)
	s.SetDevices(t.Context(), a, []omega.Fingerprint{a})
	s.Ack(t.Context(), a, a, it.Results[0].Seq)
	t.Log(s.Stats())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
