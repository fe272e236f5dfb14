package proxy

import "sync/atomic"

// Metrics are what a Proxy counted since its start, and what there is now.
type Metrics struct {
	Sessions int64 // connected now
	Leases   int64 // devices attached to this home now
	Requests int64 // under way to other servers now

	Served       int64 // sessions since the start
	Superseded   int64 // of those, ended by a newer session of the device
	IdleEnded    int64 // of those, ended because they were silent
	FramesIn     int64 // from clients
	Sends        int64 // envelopes from clients
	SendsLimited int64 // of those, refused for their rate
	SendsFailed  int64 // of those, answered with a code other than CodeOK

	PeerFramesIn  int64 // from other servers
	PeerFramesBad int64 // of those, malformed, unexpected or too many
	Forwarded     int64 // frames to other servers
	ForwardFailed int64 // of those, without a way or room
	Retries       int64 // requests repeated
	Timeouts      int64 // requests never answered

	Delivered  int64 // envelopes taken as home; one for any number of recipients
	Duplicates int64 // of those, stored already for all recipients
	Pushed     int64 // mails pushed when they came
	Pumped     int64 // mails pushed from the store
	Ephemeral  int64 // envelopes pushed and not stored
	Acks       int64 // acknowledgements that counted
	AcksForged int64 // acknowledgements whose code was wrong
	Resends    int64 // times a lease began again after silence
	Rewinds    int64 // times a device asked for it

	Hinted    int64 // envelopes handed to deputies of a home that was away
	Spooled   int64 // envelopes kept for other homes
	Unspooled int64 // of those, and of earlier runs', handed over
	Compared  int64 // envelopes that another home of the account lacked
	Purged    int64 // mails of deleted accounts that were thrown away

	Relayed       int64 // frames about blobs for other servers
	RelaysRefused int64 // more, for which there was no room
	RelaysLost    int64 // of Relayed, never answered

	Attaches     int64 // leases taken
	AttachesBad  int64 // leases refused
	RemoteFinds  int64 // look-ups at other servers
	RemoteMisses int64 // of those, found nowhere
	Published    int64 // entries sent to the other servers
	SyncPulls    int64 // entries asked for when comparing with another server
}

// stats are the counters behind Metrics.
type stats struct {
	sessions, leases                                                    atomic.Int64
	served, superseded, idleEnded                                       atomic.Int64
	framesIn, sends, sendsLimited, sendsFailed                          atomic.Int64
	peerIn, peerBad, forwarded, forwardFailed                           atomic.Int64
	retries, timeouts                                                   atomic.Int64
	delivered, duplicates, pushed, pumped, ephemeral                    atomic.Int64
	acks, acksForged, resends, rewinds                                  atomic.Int64
	hinted, spooled, unspooled, compared, purged                        atomic.Int64
	relayed, relaysRefused, relaysLost                                  atomic.Int64
	attaches, attachesBad, finds, misses, published, syncPulls, repairs atomic.Int64
}

// Metrics returns the figures of this moment.
func (p *Proxy) Metrics() Metrics {
	s := &p.stats
	return Metrics{
		Sessions: s.sessions.Load(), Leases: s.leases.Load(), Requests: p.requests.len(),
		Served: s.served.Load(), Superseded: s.superseded.Load(), IdleEnded: s.idleEnded.Load(),
		FramesIn: s.framesIn.Load(), Sends: s.sends.Load(),
		SendsLimited: s.sendsLimited.Load(), SendsFailed: s.sendsFailed.Load(),
		PeerFramesIn: s.peerIn.Load(), PeerFramesBad: s.peerBad.Load(),
		Forwarded: s.forwarded.Load(), ForwardFailed: s.forwardFailed.Load(),
		Retries: s.retries.Load(), Timeouts: s.timeouts.Load(),
		Delivered: s.delivered.Load(), Duplicates: s.duplicates.Load(), Pushed: s.pushed.Load(), Pumped: s.pumped.Load(), Ephemeral: s.ephemeral.Load(),
		Acks: s.acks.Load(), AcksForged: s.acksForged.Load(), Resends: s.resends.Load(), Rewinds: s.rewinds.Load(),
		Hinted: s.hinted.Load(), Spooled: s.spooled.Load(), Unspooled: s.unspooled.Load(), Compared: s.compared.Load(), Purged: s.purged.Load(),
		Relayed: s.relayed.Load(), RelaysRefused: s.relaysRefused.Load(), RelaysLost: s.relaysLost.Load(),
		Attaches: s.attaches.Load(), AttachesBad: s.attachesBad.Load(),
		RemoteFinds: s.finds.Load(), RemoteMisses: s.misses.Load(),
		Published: s.published.Load(), SyncPulls: s.syncPulls.Load(),
	}
}
