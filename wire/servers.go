package wire

import (
	"encoding/binary"

	"github.com/omega-im/omega"
)

// MaxNamedServers is how many servers one ServersQuery may name.
const MaxNamedServers = 64

// A ServersQuery asks which servers there are. An empty body is one without
// names and limit.
//
//	u16 most | n × fp
type ServersQuery struct {
	Most  uint16              // announcements in the answer, those named included; 0: as many as fit
	Named []omega.Fingerprint // whose announcements are wanted before others
}

// AppendServersQuery appends the body of TypeServers. (spec/delivery.md,
// DELIV-20)
func AppendServersQuery(b []byte, q *ServersQuery) []byte {
	b = binary.BigEndian.AppendUint16(b, q.Most)
	for _, fp := range q.Named {
		b = fp.AppendTo(b)
	}
	return b
}

// DecodeServersQuery reads the body of TypeServers.
func DecodeServersQuery(b []byte) (*ServersQuery, error) {
	q := &ServersQuery{}
	if len(b) == 0 {
		return q, nil
	}
	r := reader{b: b}
	q.Most = r.u16()
	for len(r.b) > 0 && !r.bad {
		if len(q.Named) == MaxNamedServers {
			return nil, malformed("question for servers: more than %d named", MaxNamedServers)
		}
		q.Named = append(q.Named, r.fp())
	}
	return q, r.end("question for servers")
}
