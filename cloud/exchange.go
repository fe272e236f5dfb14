package cloud

import (
	"bytes"
	"fmt"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// Two servers compare their databases when a link comes up, and now and then.
// Each sends the other its digest. Who finds differences asks for some of the
// parts that differ, and gets what the other has there, with certificates, and
// a new digest; until nothing differs or everything was asked for once. It
// goes both ways at the same time, so each gets what it lacks. (spec/cloud.md,
// CLOUD-3)

// exchangeRest is how long nothing must have happened for a digest to begin a
// new comparison.
const exchangeRest = 10 * time.Second

// beginExchange offers this server's digest, and asks for the peer's where the
// peer does not begin by itself: it does when a link comes up.
func (o *owner) beginExchange(l *link) {
	l.exchange = exchange{active: o.now}
	for _, ev := range o.db.Evidence() {
		l.conn.SendFrame(wire.TypeEvidence, 0, ev.AppendTo(nil)) // few, and known ones cost nothing
	}
	o.sendDigest(l)
	if !l.up() {
		l.conn.SendFrame(wire.TypeLSRequest, 0, []byte{mesh.Bucket(o.self)}) // any will do: the digest follows
	}
}

func (o *owner) sendDigest(l *link) {
	d := o.db.Digest()
	if l.conn.SendFrame(wire.TypeLSDigest, 0, d.AppendTo(nil)) != nil {
		l.exchange.active = o.now.Add(time.Second - exchangeInterval) // again in a second
	}
}

// heardDigest asks for what differs and was not asked for yet.
func (o *owner) heardDigest(l *link, body []byte) {
	theirs, err := mesh.DecodeDigest(body)
	if err != nil {
		l.bad++
		return
	}
	if o.now.Sub(l.exchange.active) > exchangeRest {
		l.exchange = exchange{}
	}
	l.exchange.active = o.now
	l.follows = !l.up()
	own := o.db.Digest()
	requests := 1 // in the place of the one that this answers
	if l.exchange.open == 0 {
		requests = requestsUnderWay
	}
	l.exchange.open = max(l.exchange.open-1, 0)
	differ := own.Differ(theirs)
	for range requests {
		ask := l.exchange.next(differ)
		if len(ask) == 0 {
			break
		}
		l.exchange.open++
		l.conn.SendFrame(wire.TypeLSRequest, 0, ask) // a lost one is made up for by the next exchange
	}
	if l.exchange.open == 0 && !l.exchange.synced {
		l.exchange.synced = true
		o.planSoon()
	}
}

// next are parts that differ and were not asked for yet.
func (x *exchange) next(differ []byte) (ask []byte) {
	for _, bucket := range differ {
		if !x.tried[bucket] && len(ask) < bucketsPerRequest {
			x.tried[bucket] = true
			ask = append(ask, bucket)
		}
	}
	return ask
}

// heardRequest sends what this server has in the wanted parts, then its
// digest.
func (o *owner) heardRequest(l *link, buckets []byte) {
	if len(buckets) == 0 || len(buckets) > bucketsPerRequest {
		l.bad++
		return
	}
	records := o.db.InBuckets(buckets)
	if !o.neighbour(l.peer).rations.takeRecords(o.now, len(records), o.db.Len()) {
		o.stats.rationed.Add(1)
		return
	}
	l.exchange.active = o.now
	o.sendRecords(l, records)
	o.sendDigest(l)
}

// sendRecords sends announcements with their certificates, compressed if the peer
// takes that, and no more than there is room for: the digest shows what is missing.
func (o *owner) sendRecords(l *link, records []*mesh.Record) {
	var batch wire.Batch
	for _, rec := range records {
		if cert := o.certs.get(rec.Server); l.batches && cert != nil {
			if !batch.Room(len(cert.Bytes()), len(rec.Bytes)) && !sendBatch(l, &batch) {
				return
			}
			batch.Add(wire.TypeServerCert, cert.Bytes())
			batch.Add(wire.TypeLSA, rec.Bytes)
		} else if !o.sendRecord(l, rec) {
			return
		}
	}
	if batch.Len() > 0 {
		sendBatch(l, &batch)
	}
}

// sendBatch sends and empties a batch. It reports whether there was room for it.
func sendBatch(l *link, batch *wire.Batch) bool {
	return l.conn.SendFrame(wire.TypeLSBatch, 0, batch.AppendTo(nil)) == nil
}

// batch has the owner deal with what came compressed as if it had come alone.
func (c *Cloud) batch(l *link, body []byte) error {
	frames, err := wire.DecodeBatch(body)
	if err != nil {
		return fmt.Errorf("from server %v: %w", l.peer, err)
	}
	for _, f := range frames {
		t, body := f.Type, bytes.Clone(f.Body) // what is kept of it keeps no more than that
		if !c.do(func(o *owner) { o.control(l, t, body) }) {
			return ErrStopped
		}
	}
	return nil
}
