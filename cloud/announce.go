package cloud

import (
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

// mayAnnounce returns when the next announcement may go. A few go at once,
// then they are paced so that others never have to refuse one.
func (o *owner) mayAnnounce() time.Time {
	due := o.announced.Add(announceGap)
	since := o.now.Sub(o.announced)
	have := min(o.allowance+float64(since)/float64(mesh.MinAnnounceInterval), mesh.AnnounceBurst)
	if have >= 1 {
		return due
	}
	lack := time.Duration((1 - have) * float64(mesh.MinAnnounceInterval))
	if paced := o.now.Add(lack); paced.After(due) {
		return paced
	}
	return due
}

// announce tells everyone about this server and its links.
func (o *owner) announce() {
	since := o.now.Sub(o.announced)
	o.allowance = min(o.allowance+float64(since)/float64(mesh.MinAnnounceInterval), mesh.AnnounceBurst) - 1
	o.announced, o.needAnnounce = o.now, false

	a := o.facts
	a.Certificate = o.cfg.Identity.Certificate.Hash()
	a.Links = o.announcedLinks()
	o.remember(a.Links)
	before, _ := o.db.Get(o.self)
	rec, err := o.db.Originate(o.now, a, o.sign)
	if err != nil {
		// Nothing else can be said until it works again; the pace limits how
		// often it is tried.
		o.needAnnounce = true
		o.log.Error("own announcement failed", "err", err)
		return
	}
	o.stats.announced.Add(1)
	o.flood(rec, before, nil)
}

// remember keeps links to look for when all are lost. While it looks for former
// ones others take no place of theirs.
func (o *owner) remember(links []mesh.Link) {
	lacks := func(l mesh.Link) bool {
		return !slices.ContainsFunc(links, func(have mesh.Link) bool { return have.Peer == l.Peer })
	}
	if len(links) >= mesh.TargetLinks && (!o.now.Before(o.regains) || !slices.ContainsFunc(o.former, lacks)) {
		o.former = links
	}
}

func (o *owner) announcedLinks() []mesh.Link {
	var links []mesh.Link
	for fp, n := range o.neighbours {
		if !n.announced {
			continue
		}
		n.measure()
		n.told = n.rtt
		links = append(links, mesh.Link{Peer: fp, RTT: n.rtt.Truncate(time.Microsecond)})
	}
	return links[:min(len(links), mesh.MaxLinks)]
}

func (o *owner) sign(data []byte, at time.Time) (mesh.Signature, error) {
	sig, err := pgp.SignCompact(o.ctx, o.cfg.Identity.Signer, data, at)
	return mesh.Signature(sig), err
}
