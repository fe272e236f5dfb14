package chat

import (
	"bytes"
	"testing"
)

func TestTrustContents(t *testing.T) {
	a, b, packet := testAccount(t, 1), testAccount(t, 2), []byte("packet")
	for _, tt := range []struct {
		name string
		c    *Content
		ok   bool
	}{
		{"certifications", &Content{Kind: KindCertification, Certifications: []Certification{{a, packet}, {b, packet}}}, true},
		{"succession", &Content{Kind: KindSuccession, Succession: &Succession{a, b, packet, packet}}, true},
		{"only an answer", &Content{Kind: KindSuccession, Succession: &Succession{Old: a, New: b, Answer: packet}}, true},
		{"none", &Content{Kind: KindCertification}, false},
		{"of nobody", &Content{Kind: KindCertification, Certifications: []Certification{{Packet: packet}}}, false},
		{"empty", &Content{Kind: KindCertification, Certifications: []Certification{{Key: a}}}, false},
		{"too long", &Content{Kind: KindCertification, Certifications: []Certification{{a, make([]byte, MaxCertification+1)}}}, false},
		{"too many", &Content{Kind: KindCertification, Certifications: make([]Certification, MaxCertifications+1)}, false},
		{"in a text", &Content{Kind: KindText, Certifications: []Certification{{a, packet}}}, false},
		{"to itself", &Content{Kind: KindSuccession, Succession: &Succession{a, a, packet, packet}}, false},
		{"to nobody", &Content{Kind: KindSuccession, Succession: &Succession{Old: a, Statement: packet}}, false},
		{"without a word", &Content{Kind: KindSuccession, Succession: &Succession{Old: a, New: b}}, false},
		{"long answer", &Content{Kind: KindSuccession, Succession: &Succession{Old: a, New: b, Answer: make([]byte, MaxCertification+1)}}, false},
		{"succession in a state", &Content{Kind: KindState, Succession: &Succession{a, b, packet, packet}}, false},
	} {
		raw, err := tt.c.Raw()
		if tt.ok != (err == nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil {
			continue
		}
		got, err := DecodeContent(raw)
		must(t, err)
		if len(got.Certifications) != len(tt.c.Certifications) || (got.Succession == nil) != (tt.c.Succession == nil) {
			t.Errorf("%s: %+v", tt.name, got)
		}
		for i, c := range got.Certifications {
			if c.Key != tt.c.Certifications[i].Key || !bytes.Equal(c.Packet, packet) {
				t.Errorf("%s: %+v", tt.name, c)
			}
		}
		if s := got.Succession; s != nil && (s.Old != a || s.New != b || !bytes.Equal(s.Answer, packet)) {
			t.Errorf("%s: %+v", tt.name, s)
		}
		if !got.Kind.Control() || got.hash == (Hash{}) {
			t.Errorf("%s: control %v", tt.name, got.Kind.Control())
		}
	}
}
