package chat

import (
	"github.com/omega-im/omega/internal/chatpb"
)

// A RecordRef names a location record by its sequence and the first 16 octets of
// its hash: nobody can make a second record of that hash, and 16 octets suffice
// for that as they do for links. Sequence 0 names none. (spec/chat.md, CHAT-18)
type RecordRef struct {
	Sequence uint64
	Hash     [16]byte
}

// RefOf names the record with this sequence and hash.
func RefOf(sequence uint64, hash [32]byte) RecordRef {
	return RecordRef{Sequence: sequence, Hash: [16]byte(hash[:16])}
}

// A View is what a device knows of two location records: that of its own
// account, and that of the account it writes to.
type View struct {
	Own  RecordRef
	Peer RecordRef
}

// IsZero reports whether nothing is known.
func (v View) IsZero() bool { return v == View{} }

func (v *View) encode() *chatpb.View {
	if v == nil {
		return nil
	}
	return &chatpb.View{Own: v.Own.encode(), Peer: v.Peer.encode()}
}

func (r RecordRef) encode() *chatpb.RecordRef {
	if r.Sequence == 0 {
		return nil
	}
	return &chatpb.RecordRef{Sequence: r.Sequence, Hash: r.Hash[:]}
}

func (r *fieldReader) view(p *chatpb.View) *View {
	if p == nil {
		return nil
	}
	return &View{Own: r.record(p.Own), Peer: r.record(p.Peer)}
}

func (r *fieldReader) record(p *chatpb.RecordRef) (out RecordRef) {
	if p == nil {
		return out
	}
	out.Sequence = p.Sequence
	r.bad = r.bad || p.Sequence == 0 || len(p.Hash) != len(out.Hash)
	copy(out.Hash[:], p.Hash)
	return out
}
