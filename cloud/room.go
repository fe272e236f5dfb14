package cloud

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Who fills a server's links decides what it sees and whom it reaches. So not all
// of them can be had by one operator, from one block of addresses, or by servers
// that came today; and nobody who is there has to go for them. (spec/cloud.md,
// CLOUD-14)
const (
	// maxOfOne is how many links one operator, or one block of addresses, may
	// have. A server's own operator is left out: its servers know each other.
	maxOfOne = mesh.LinkCap / 2

	// elderReserve is how many links are kept for members that this server has
	// known for elderAge.
	elderReserve = 1
	elderAge     = 24 * time.Hour
)

// judgeRoom looks at what a link more to the asker would leave to others.
func (o *owner) judgeRoom(l *link, operator string) verdict {
	ofOperator, ofBlock := 0, 0
	block, public := blockOf(l.conn)
	for _, n := range o.neighbours {
		if n.link == nil || n.fp == l.peer || !n.link.mine && !o.now.Before(n.given) {
			continue
		}
		if rec, ok := o.db.Get(n.fp); ok && operator != "" && rec.Operator == operator {
			ofOperator++
		}
		if b, ok := blockOf(n.link.conn); ok && public && b == block {
			ofBlock++
		}
	}
	switch {
	case ofOperator >= maxOfOne && operator != o.facts.Operator:
		return refuse(mesh.RefusalFull, "%d links to servers of this operator, at most %d", ofOperator, maxOfOne)
	case ofBlock >= maxOfOne:
		return refuse(mesh.RefusalFull, "%d links to servers at addresses in %v, at most %d", ofBlock, block, maxOfOne)
	}
	return verdict{}
}

// keepsElders reports whether the link to peer may be given up as one too many:
// one to a member that was known for long stays while there are others.
func (o *owner) keepsElders(peer omega.Fingerprint) bool {
	if !o.elder(peer) {
		return true
	}
	for fp, n := range o.neighbours {
		if n.link != nil && n.link.up() && !o.elder(fp) {
			return false
		}
	}
	return true
}

// elder reports whether this server has known a member for long.
func (o *owner) elder(fp omega.Fingerprint) bool {
	since, ok := o.cfg.MemberSince(fp)
	return ok && o.now.Sub(since) >= elderAge
}

// blockOf is the block of addresses that the other end of a connection is in:
// what one holder gets easily. Addresses that are nobody's in particular are in
// none.
func blockOf(conn Conn) (block netip.Prefix, ok bool) {
	c, ok := conn.(interface{ RemoteAddr() net.Addr })
	if !ok {
		return block, false
	}
	return parseBlock(c.RemoteAddr().String())
}

// block is the block of addresses that a server is in, for planning: where its
// connection ends, or as it announces; 0 for none.
func (o *owner) block(fp omega.Fingerprint) uint64 {
	if n := o.neighbours[fp]; n != nil && n.link != nil {
		b, _ := blockOf(n.link.conn)
		return blockNumber(b)
	}
	if rec, ok := o.db.Get(fp); ok {
		return announcedBlock(rec)
	}
	return 0
}

// announcedBlock is the block of the address at which servers reach one. A name
// is in none: where it leads shows when there is a connection.
func announcedBlock(rec *mesh.Record) uint64 {
	b, _ := parseBlock(rec.Peer)
	return blockNumber(b)
}

// blockNumber is a number for each block, 0 for none.
func blockNumber(block netip.Prefix) uint64 {
	if !block.IsValid() {
		return 0
	}
	ip := block.Addr().As16() // of IPv4, behind ::ffff:0:0
	at := 0
	if block.Addr().Is4() {
		at = 12
	}
	return uint64(block.Bits())<<32 | uint64(binary.BigEndian.Uint32(ip[at:]))
}

func parseBlock(hostPort string) (block netip.Prefix, ok bool) {
	ap, err := netip.ParseAddrPort(hostPort)
	ip := ap.Addr().Unmap().WithZone("")
	if err != nil || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return block, false
	}
	bits := 16
	if ip.Is6() {
		bits = 32
	}
	block, err = ip.Prefix(bits)
	return block, err == nil
}
