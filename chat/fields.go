package chat

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/chatpb"
)

func (r *Receipt) encode() *chatpb.Receipt {
	if r == nil {
		return nil
	}
	p := &chatpb.Receipt{Device: wireOrNil(r.Device), UpTo: r.UpTo}
	if r.Chat != (omega.ChatID{}) {
		p.Chat = r.Chat[:]
	}
	for _, id := range r.IDs {
		p.Ids = append(p.Ids, id[:])
	}
	return p
}

func (r *ResendRequest) encode() *chatpb.ResendRequest {
	if r == nil {
		return nil
	}
	p := &chatpb.ResendRequest{Device: wireOrNil(r.Device), Sequences: r.Sequences}
	if r.Chat != (omega.ChatID{}) {
		p.Chat = r.Chat[:]
	}
	if !r.Locator.IsZero() {
		p.Locator = r.Locator[:]
	}
	return p
}

func (r *Resent) encode() *chatpb.Resent {
	if r == nil {
		return nil
	}
	return &chatpb.Resent{Transcript: r.Transcript, Signature: r.Signature[:], Content: r.Content, Peer: wireOrNil(r.Peer), Earlier: r.Earlier}
}

func wireOrNil(f omega.Fingerprint) []byte {
	if f.IsZero() {
		return nil
	}
	return f.Wire()
}

// A fieldReader turns protobuf bytes into our types and remembers whether any
// had the wrong size.
type fieldReader struct{ bad bool }

// fixed fills dst; an absent field leaves it zero.
func (r *fieldReader) fixed(dst, src []byte) {
	if len(src) != 0 && len(src) != len(dst) {
		r.bad = true
		return
	}
	copy(dst, src)
}

func (r *fieldReader) fingerprint(b []byte) omega.Fingerprint {
	if len(b) == 0 {
		return omega.Fingerprint{}
	}
	f, n, err := omega.DecodeFingerprint(b)
	if err != nil || n != len(b) {
		r.bad = true
	}
	return f
}

func (r *fieldReader) receipt(p *chatpb.Receipt) *Receipt {
	if p == nil {
		return nil
	}
	if len(p.Ids) > MaxIDs {
		r.bad = true
		return nil
	}
	out := &Receipt{Device: r.fingerprint(p.Device), UpTo: p.UpTo, IDs: make([]omega.ID, len(p.Ids))}
	r.fixed(out.Chat[:], p.Chat)
	for i, id := range p.Ids {
		r.fixed(out.IDs[i][:], id)
	}
	return out
}

func (r *fieldReader) resend(p *chatpb.ResendRequest) *ResendRequest {
	if p == nil {
		return nil
	}
	out := &ResendRequest{Device: r.fingerprint(p.Device), Sequences: p.Sequences}
	r.fixed(out.Chat[:], p.Chat)
	r.fixed(out.Locator[:], p.Locator)
	return out
}

func (r *fieldReader) resent(p *chatpb.Resent) *Resent {
	if p == nil {
		return nil
	}
	out := &Resent{Transcript: p.Transcript, Content: p.Content, Peer: r.fingerprint(p.Peer), Earlier: p.Earlier}
	r.fixed(out.Signature[:], p.Signature)
	return out
}
