package history

import (
	"time"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

// PutPack keeps what is in a sticker pack, and has its blobs kept: here, and at the
// servers, which claim them until about a time if another device had them do so. The
// same pack again changes nothing but servers.
func (tx *Tx) PutPack(r *chat.PackRef, raw []byte, until time.Time) error {
	what := "keep a sticker pack"
	p, err := chat.DecodePack(raw)
	if err != nil {
		return err
	}
	var number int64
	err = tx.row(what, `INSERT INTO pack (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content RETURNING number`,
		[]any{r.Ref.Name[:], raw}, &number)
	if err != nil {
		return err
	}
	items := append([]chat.MediaItem{{Ref: r.Ref}}, p.Stickers...)
	for i := range items {
		items[i].Servers = r.Servers
	}
	row := &Row{Message: chat.Message{Content: &chat.Content{Media: items}}}
	if err := tx.hold(what, -number, row); err != nil {
		return err
	}
	for i := range items { // also where no server has it yet
		if _, err := tx.exec(what, `INSERT INTO named (name, position) VALUES (?, ?) ON CONFLICT DO NOTHING`, items[i].Ref.Name[:], -number); err != nil {
			return err
		}
	}
	return tx.nameUntil(what, -number, row, until)
}

// Pack returns what is in a sticker pack, or ErrNotFound.
func (tx *Tx) Pack(name media.Hash) (raw []byte, err error) {
	err = tx.row("read a sticker pack", `SELECT content FROM pack WHERE name = ?`, []any{name[:]}, &raw)
	if notFound(err) {
		err = ErrNotFound
	}
	return raw, err
}

// RemovePack forgets one: nothing keeps its blobs any more.
func (tx *Tx) RemovePack(name media.Hash) error {
	what := "forget a sticker pack"
	var number int64
	switch err := tx.row(what, `DELETE FROM pack WHERE name = ? RETURNING number`, []any{name[:]}, &number); {
	case notFound(err):
		return nil
	case err != nil:
		return err
	}
	if err := tx.unhold(what, -number); err != nil {
		return err
	}
	return tx.unname(what, -number)
}
