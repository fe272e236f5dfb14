package mailbox

// unfiled is the newest mail, in the order of sequences, that the driver holds
// by sequence alone (see State.Window). Each holds a pin on its box, so that
// the box knows all its unfiled mail. What is trimmed stays in here until it
// comes to the front.
type unfiled struct {
	mail []unfiledMail
	head int // mail[head:] is in use
}

type unfiledMail struct {
	seq uint64
	box *box
}

func (u *unfiled) len() int { return len(u.mail) - u.head }

// first returns the sequence below which everything is filed or trimmed, given
// the next one.
func (u *unfiled) first(next uint64) uint64 {
	if u.len() == 0 {
		return next
	}
	return u.mail[u.head].seq
}

func (u *unfiled) add(seq uint64, b *box) {
	if u.head > 1024 && u.head > len(u.mail)/2 {
		n := copy(u.mail, u.mail[u.head:])
		clear(u.mail[n:])
		u.mail, u.head = u.mail[:n], 0
	}
	b.pins++
	u.mail = append(u.mail, unfiledMail{seq, b})
}

// file takes from the front what is trimmed, and beyond the driver's window
// what still waits: that comes to stay, and g files it. The mailboxes of one
// envelope are taken together. s.mu is held.
func (s *Store) file(g *group) {
	u := &s.unfiled
	for filing := uint64(0); u.len() > 0; u.head++ {
		m := u.mail[u.head]
		e, waits := m.box.entry(m.seq)
		if waits && u.len() <= s.window && m.seq != filing {
			return
		}
		if waits {
			g.batch.Files = append(g.batch.Files, File{m.box.account, e})
			g.pinned = append(g.pinned, m.box) // until it is applied
			filing = m.seq
		} else {
			m.box.pins--
		}
		u.mail[u.head] = unfiledMail{}
	}
}
