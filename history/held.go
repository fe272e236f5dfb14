package history

import (
	"github.com/omega-im/omega/media"
)

// hold notes what blobs a message names.
func (tx *Tx) hold(what string, position int64, r *Row) error {
	for i := range r.Content.Media {
		for _, ref := range []media.Ref{r.Content.Media[i].Ref, r.Content.Media[i].Thumb} {
			if ref.Size == 0 {
				continue
			}
			if _, err := tx.exec(what, `INSERT INTO held (name, position) VALUES (?, ?) ON CONFLICT DO NOTHING`, ref.Name[:], position); err != nil {
				return err
			}
			if _, err := tx.exec(what, `DELETE FROM dropped WHERE name = ?`, ref.Name[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// unhold notes that a message is erased: the files of blobs that no other one names go.
func (tx *Tx) unhold(what string, position int64) error {
	_, err := tx.exec(what, `INSERT INTO dropped (name) SELECT name FROM held h WHERE position = ?1
		AND NOT EXISTS (SELECT 1 FROM held o WHERE o.name = h.name AND o.position <> ?1) ON CONFLICT DO NOTHING`, position)
	if err == nil {
		_, err = tx.exec(what, `DELETE FROM held WHERE position = ?`, position)
	}
	return err
}

// Dropped returns at most n blobs whose files are to go: no message names them.
func (tx *Tx) Dropped(n int) (out []media.Hash, err error) {
	err = tx.rows("read blobs that nobody has", `SELECT name FROM dropped LIMIT ?`, []any{n}, func(scan func(...any) error) error {
		var name []byte
		if err := scan(&name); err != nil {
			return err
		}
		var h media.Hash
		err := fill(h[:], name)
		out = append(out, h)
		return err
	})
	return out, err
}

// IsDropped reports whether Dropped would return a blob.
func (tx *Tx) IsDropped(name media.Hash) (is bool, err error) {
	err = tx.row("read whether a blob is dropped", `SELECT EXISTS (SELECT 1 FROM dropped WHERE name = ?)`, []any{name[:]}, &is)
	return is, err
}

// ForgetDropped notes that the file of a blob is gone, or is kept for something else
// than messages.
func (tx *Tx) ForgetDropped(name media.Hash) error {
	_, err := tx.exec("forget a blob that nobody has", `DELETE FROM dropped WHERE name = ?`, name[:])
	return err
}
