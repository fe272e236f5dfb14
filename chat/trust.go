package chat

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/chatpb"
)

// Limits of what a message says of keys. (spec/chat.md, CHAT-51)
const (
	// MaxCertifications is how many certifications one message may have.
	MaxCertifications = 16

	// MaxCertification is the longest one in octets.
	MaxCertification = 1024
)

// Kinds of messages about keys. They are between clients only.
const (
	KindCertification Kind = "certification" // who certified a key
	KindSuccession    Kind = "succession"    // an account goes on as another
)

// A Certification is an OpenPGP signature by somebody over a key. Nothing about it
// was verified.
type Certification struct {
	Key    omega.Fingerprint // that is certified
	Packet []byte
}

// A Succession says that an account goes on as another one. Nothing about it was
// verified. (spec/chat.md, CHAT-52)
type Succession struct {
	Old, New  omega.Fingerprint
	Statement []byte // of the old key; nil: not made yet
	Answer    []byte // of the new key; nil: not made yet
}

func encodeCertifications(list []Certification) (out []*chatpb.Certification) {
	for _, c := range list {
		out = append(out, &chatpb.Certification{Key: wireOrNil(c.Key), Packet: c.Packet})
	}
	return out
}

func (r *fieldReader) certifications(list []*chatpb.Certification) (out []Certification) {
	if len(list) > MaxCertifications {
		r.bad = true
		return nil
	}
	for _, p := range list {
		out = append(out, Certification{r.fingerprint(p.Key), p.Packet})
	}
	return out
}

func (s *Succession) encode() *chatpb.Succession {
	if s == nil {
		return nil
	}
	return &chatpb.Succession{Old: wireOrNil(s.Old), Successor: wireOrNil(s.New), Statement: s.Statement, Answer: s.Answer}
}

func (r *fieldReader) succession(p *chatpb.Succession) *Succession {
	if p == nil {
		return nil
	}
	return &Succession{r.fingerprint(p.Old), r.fingerprint(p.Successor), p.Statement, p.Answer}
}

// validTrust holds what a content says of keys to CHAT-51 and CHAT-52.
func (c *Content) validTrust() bool {
	if len(c.Certifications) > MaxCertifications {
		return false
	}
	for _, k := range c.Certifications {
		if k.Key.IsZero() || len(k.Packet) == 0 || len(k.Packet) > MaxCertification {
			return false
		}
	}
	s := c.Succession
	return s == nil || !s.Old.IsZero() && !s.New.IsZero() && s.Old != s.New && len(s.Statement)+len(s.Answer) > 0 &&
		len(s.Statement) <= MaxCertification && len(s.Answer) <= MaxCertification
}
