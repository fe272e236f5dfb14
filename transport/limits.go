package transport

import "time"

// Limits bound what strangers can make a server do. Zero is the default of
// each, a negative number takes the limit away.
type Limits struct {
	HandshakeTimeout time.Duration // from accept to the client's proof, and again for its certificate; 3 s
	HalfOpen         int           // connections in a handshake at once; 1024
	HalfOpenPerHost  int           // the same from one address; 64
	HandshakeRate    float64       // handshakes per second from one address, in the long run; 20
	HandshakeBurst   int           // handshakes at once from one address; 60
	Guests           int           // guests at once; 1024
	GuestLifetime    time.Duration // 5 minutes
	GuestLookups     int           // per guest; 8
	GuestDrops       int           // per guest; 8
	GuestPicks       int           // per guest; 64
}
