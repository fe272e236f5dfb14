package proxy

import (
	"encoding/binary"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// spooledVersion begins what the spool keeps of an envelope. What servers kept
// before it there was one is the envelope alone, whose first octet is
// wire.EnvelopeVersion.
const spooledVersion = 0x81

// A spooled is an envelope in the spool, with what is noted beside it:
//
//	u8 0x81 | fp origin | u16 n | n × u16 index | envelope
type spooled struct {
	origin omega.Fingerprint // the server that it came from; zero: not known
	index  []uint16          // of the recipients that the home is owed it for, ascending; nil: not known
	env    wire.EnvelopeView
}

// append writes s to b.
func (s *spooled) append(b []byte) []byte {
	b = s.origin.AppendTo(append(b, spooledVersion))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.index)))
	for _, i := range s.index {
		b = binary.BigEndian.AppendUint16(b, i)
	}
	return append(b, s.env...)
}

// readSpooled reads what append wrote, or an envelope alone. It keeps b.
func readSpooled(b []byte) (s spooled, err error) {
	if len(b) > 0 && b[0] != spooledVersion {
		s.env, err = wire.ParseEnvelope(b)
		return s, err
	}
	bad := omega.Errorf(omega.CodeInternal, "an entry of the spool cannot be read")
	if len(b) == 0 {
		return s, bad
	}
	origin, n, err := omega.DecodeFingerprint(b[1:])
	if err != nil || len(b) < 1+n+2 {
		return s, bad
	}
	count := int(binary.BigEndian.Uint16(b[1+n:]))
	b = b[1+n+2:]
	if count > omega.MaxRecipients || len(b) < 2*count {
		return s, bad
	}
	for i := range count {
		s.index = append(s.index, binary.BigEndian.Uint16(b[2*i:]))
	}
	s.origin = origin
	s.env, err = wire.ParseEnvelope(b[2*count:])
	if err == nil && (count == 0 || int(s.index[count-1]) >= s.env.NumRecipients() || !ascends(s.index)) {
		err = bad
	}
	return s, err
}

// covers reports whether s is for all of the recipients in index.
func (s *spooled) covers(index []uint16) bool {
	return s.index == nil || !slices.ContainsFunc(index, func(i uint16) bool { return !slices.Contains(s.index, i) })
}

func ascends(index []uint16) bool {
	for n := 1; n < len(index); n++ {
		if index[n] <= index[n-1] {
			return false
		}
	}
	return true
}
