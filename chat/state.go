package chat

import (
	"encoding/binary"
	"slices"

	"github.com/omega-im/omega"
)

// Stored forms start with their version. They hold secrets: they go into the
// client's database and nowhere else.
const (
	keyStateVersion    = 1
	groupStateVersion  = 2 // of a key in a group
	senderStateVersion = 3
	trackStateVersion  = 1
)

var problemCodes = []Problem{ProblemNone, ProblemSignature, ProblemDevice, ProblemForwarded, ProblemReplay, ProblemClock, ProblemMember}

// Marshal returns the stored form of k, secret included:
//
//	u8 version (1) | u8 problem | u8 list differs | 32 secret | text of the record
//
// In a group the version is 2, and before the text stand 32 octets: the hash of
// the members' list.
func (k *Key) Marshal() []byte {
	differs := byte(0)
	if k.ListDiffers {
		differs = 1
	}
	b := []byte{keyStateVersion, byte(slices.Index(problemCodes, k.Problem)), differs}
	b = append(b, k.Secret[:]...)
	if k.Group != nil {
		b[0] = groupStateVersion
		b = append(b, k.Group.MembersHash[:]...)
	}
	return append(b, k.Text()...)
}

// UnmarshalKey reads what Key.Marshal wrote.
func UnmarshalKey(b []byte) (*Key, error) {
	const head = 3 + 32
	if len(b) < head || b[0] != keyStateVersion && b[0] != groupStateVersion || int(b[1]) >= len(problemCodes) || b[2] > 1 {
		return nil, malformed("stored key: %d octets", len(b))
	}
	k, err := unmarshalKeyText(b[0], b[head:])
	if err != nil {
		return nil, err
	}
	k.Problem, k.ListDiffers = problemCodes[b[1]], b[2] == 1
	switch ok, err := k.setSecret(b[3:head]); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, malformed("stored key: secret of another key")
	}
	return k, nil
}

func unmarshalKeyText(version byte, b []byte) (*Key, error) {
	if version == keyStateVersion {
		return parseKey(b)
	}
	var hash Hash
	if len(b) < len(hash) {
		return nil, malformed("stored key: %d octets", len(b))
	}
	k, err := parseGroupRecord(b[copy(hash[:], b):])
	if err == nil {
		k.Group.MembersHash, k.membersHash = hash, hash
	}
	return k, err
}

// Marshal returns the stored form of s, secret included:
//
//	u8 version (3) | 16 chat | u32 sequence | 16 link | u32 count | u64 told | u64 told of the peer | 16 token told | key, to the end
//
// Version 2 had no token, version 1 nothing about what was told.
func (s *SenderState) Marshal() []byte {
	b := append([]byte{senderStateVersion}, s.Chat[:]...)
	b = binary.BigEndian.AppendUint32(b, s.Sequence)
	b = append(b, s.Previous[:]...)
	b = binary.BigEndian.AppendUint32(b, s.Count)
	b = binary.BigEndian.AppendUint64(b, s.Told)
	b = binary.BigEndian.AppendUint64(b, s.ToldPeer)
	b = append(b, s.ToldToken[:]...)
	if s.Key != nil {
		b = append(b, s.Key.Marshal()...)
	}
	return b
}

// UnmarshalSenderState reads what SenderState.Marshal wrote.
func UnmarshalSenderState(b []byte) (SenderState, error) {
	const first = 1 + 16 + 4 + 16 + 4
	heads := [senderStateVersion + 1]int{1: first, 2: first + 2*8, 3: first + 2*8 + omega.TokenSize}
	head := len(b) + 1
	if len(b) > 0 && b[0] <= senderStateVersion {
		head = heads[b[0]]
	}
	if len(b) < head || b[0] < 1 || b[0] > senderStateVersion {
		return SenderState{}, malformed("stored sender: %d octets", len(b))
	}
	s := SenderState{
		Chat:     omega.ChatID(b[1:17]),
		Sequence: binary.BigEndian.Uint32(b[17:]),
		Previous: Link(b[21:37]),
		Count:    binary.BigEndian.Uint32(b[37:]),
	}
	if b[0] >= 2 {
		s.Told, s.ToldPeer = binary.BigEndian.Uint64(b[41:]), binary.BigEndian.Uint64(b[49:])
	}
	if b[0] >= 3 {
		copy(s.ToldToken[:], b[57:])
	}
	if len(b) == head {
		return s, nil
	}
	var err error
	s.Key, err = UnmarshalKey(b[head:])
	return s, err
}

// Marshal returns the stored form of t, without Chat and Device, which are
// what it is stored under:
//
//	u8 version (1) | u32 low | u32 highest | u32 last | 16 last link | u64 last time | { u32 from | u32 to }*
func (t *Track) Marshal() []byte {
	b := []byte{trackStateVersion}
	b = binary.BigEndian.AppendUint32(b, t.Low)
	b = binary.BigEndian.AppendUint32(b, t.Highest)
	b = binary.BigEndian.AppendUint32(b, t.Last)
	b = append(b, t.LastLink[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.LastTime))
	for _, r := range t.Missing {
		b = binary.BigEndian.AppendUint32(b, r.From)
		b = binary.BigEndian.AppendUint32(b, r.To)
	}
	return b
}

// UnmarshalTrack reads what Track.Marshal wrote.
func UnmarshalTrack(chat omega.ChatID, device omega.Fingerprint, b []byte) (*Track, error) {
	const head = 1 + 4 + 4 + 4 + 16 + 8
	if len(b) < head || b[0] != trackStateVersion || (len(b)-head)%8 != 0 || len(b) > head+8*MaxMissing {
		return nil, malformed("stored track: %d octets", len(b))
	}
	t := &Track{
		Chat: chat, Device: device,
		Low:      binary.BigEndian.Uint32(b[1:]),
		Highest:  binary.BigEndian.Uint32(b[5:]),
		Last:     binary.BigEndian.Uint32(b[9:]),
		LastLink: Link(b[13:29]),
		LastTime: int64(binary.BigEndian.Uint64(b[29:])),
	}
	for b = b[head:]; len(b) > 0; b = b[8:] {
		t.Missing = append(t.Missing, Range{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])})
	}
	return t, nil
}
