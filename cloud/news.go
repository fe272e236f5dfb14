package cloud

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// News that can wait a moment are offered to the neighbours and sent to those who
// want them: a server with eight links gets an announcement once like this, not
// seven times. (spec/cloud.md, CLOUD-38)

const (
	// newsPatience is how long who was asked for an announcement has to send it,
	// before it is asked of nobody any more; newsSoon, or twice the round trip if
	// that is more, is how long before somebody else is asked who offered it.
	newsPatience = time.Second
	newsSoon     = 200 * time.Millisecond

	// maxWanted is of how many servers announcements are waited for at the same
	// time. What is offered beyond comes by the next comparison of databases.
	maxWanted = 4096
)

// A wanting is announcements of one server that were offered and did not come
// yet. The first offer is the one that was taken up.
type wanting struct {
	offers []newsOffer
	asked  time.Time
}

type newsOffer struct {
	by       *link
	sequence uint64
}

func appendNews(b []byte, rec *mesh.Record) []byte {
	return rec.Server.AppendTo(binary.BigEndian.AppendUint64(b, rec.Sequence))
}

func decodeNews(b []byte) (sequence uint64, fp omega.Fingerprint, ok bool) {
	if len(b) < 8 {
		return 0, fp, false
	}
	fp, n, err := omega.DecodeFingerprint(b[8:])
	return binary.BigEndian.Uint64(b), fp, err == nil && 8+n == len(b)
}

// heardNews takes up an offer of what is news, or keeps it for when another one
// is not honoured.
func (o *owner) heardNews(l *link, body []byte) {
	sequence, fp, ok := decodeNews(body)
	if !ok {
		l.bad++
		return
	}
	if rec, known := o.db.Get(fp); known && rec.Sequence >= sequence {
		return
	}
	if !o.neighbour(l.peer).rations.takeOffer(o.now, o.db.Len()) {
		o.stats.rationed.Add(1)
		return
	}
	w := o.wanted[fp]
	if w == nil {
		if len(o.wanted) >= maxWanted {
			return
		}
		w = &wanting{}
		o.wanted[fp] = w
	}
	mine := func(of newsOffer) bool { return of.by == l }
	if at := slices.IndexFunc(w.offers, mine); at >= 0 {
		w.offers[at].sequence = max(w.offers[at].sequence, sequence)
		return
	}
	w.offers = append(w.offers, newsOffer{l, sequence})
	if len(w.offers) == 1 {
		o.takeUp(fp, w)
	}
}

// takeUp asks whoever offered an announcement first and is still there; for one
// of a server that is not known, with its certificate.
func (o *owner) takeUp(fp omega.Fingerprint, w *wanting) {
	w.offers = slices.DeleteFunc(w.offers, func(of newsOffer) bool { return !of.by.attached })
	if len(w.offers) == 0 {
		delete(o.wanted, fp)
		return
	}
	w.asked = o.now
	t := wire.TypeLSWant
	if _, known := o.db.Get(fp); !known {
		t = wire.TypeCertRequest
	}
	w.offers[0].by.conn.SendFrame(t, 0, fp.Wire()) // if it is lost, another one is asked
}

// cameFrom notes an announcement of a server: what was offered and is no longer
// news is not wanted.
func (o *owner) cameFrom(fp omega.Fingerprint) {
	w, rec := o.wanted[fp], (*mesh.Record)(nil)
	if w == nil {
		return
	}
	if rec, _ = o.db.Get(fp); rec == nil {
		return
	}
	asked := w.offers[0]
	w.offers = slices.DeleteFunc(w.offers, func(of newsOffer) bool { return of.sequence <= rec.Sequence })
	if len(w.offers) == 0 || w.offers[0] != asked {
		o.takeUp(fp, w)
	}
}

// tickWanted asks others for what did not come.
func (o *owner) tickWanted() {
	for fp, w := range o.wanted {
		if o.now.Sub(w.asked) >= o.newsWait(w) {
			w.offers = w.offers[1:]
			o.takeUp(fp, w)
		}
	}
}

// newsWait is how long who was asked has to send an announcement.
func (o *owner) newsWait(w *wanting) time.Duration {
	if len(w.offers) > 1 {
		if n := o.neighbours[w.offers[0].by.peer]; n != nil {
			return min(max(2*n.rtt, newsSoon), newsPatience)
		}
	}
	return newsPatience
}

// heardWant answers with the announcement that was offered.
func (o *owner) heardWant(l *link, body []byte) {
	fp, n, err := omega.DecodeFingerprint(body)
	if err != nil || n != len(body) {
		l.bad++
		return
	}
	if !o.neighbour(l.peer).rations.takeNews(o.now, o.db.Len()) {
		o.stats.rationed.Add(1)
		return
	}
	if rec, ok := o.db.Get(fp); ok {
		l.conn.SendFrame(wire.TypeLSA, 0, rec.Bytes)
	}
}
