package client

import (
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/media"
)

// A group's picture is a photo of a message in its chat, which the profile names by
// its blob. (spec/group.md, GROUP-32)

// choosePicture is pictureOf in a transaction of its own.
func (c *Client) choosePicture(ctx context.Context, doing i18n.Text, ref clientrpc.GroupRef, message omega.ID) (name group.Hash, err error) {
	id, err := c.groupRef(ctx, doing, ref.Group)
	if err != nil {
		return name, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if errors.Is(err, history.ErrNotFound) {
			return noGroup(doing, ref.Group)
		}
		if err == nil {
			name, err = c.pictureOf(tx, doing, s, message)
		}
		return err
	})
	return name, err
}

// pictureOf is the name of the first photo of a message in a group's chat; zero for
// no message.
func (c *Client) pictureOf(tx *history.Tx, doing i18n.Text, s *group.State, id omega.ID) (group.Hash, error) {
	if id.IsZero() {
		return group.Hash{}, nil
	}
	row, err := c.find(tx, doing, s.Group.Chat().String(), id)
	if err != nil {
		return group.Hash{}, err
	}
	if i := photoIn(row, media.Hash{}); i >= 0 && row.Verified && !s.Secure {
		return group.Hash(row.Content.Media[i].Ref.Name), nil
	}
	return group.Hash{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouppicture", id), i18n.T("next.grouppicture"), nil)
}

// photoIn is the index of a message's first photo that anybody may see, or of that
// with a name; -1 if there is none.
func photoIn(row *history.Row, name media.Hash) int {
	if row.Content == nil || row.Deleted || row.Content.Unsigned {
		return -1
	}
	return slices.IndexFunc(row.Content.Media, func(m chat.MediaItem) bool {
		return m.What == chat.Photo && m.Seal == nil && (name.IsZero() || m.Ref.Name == name)
	})
}

// pictureRow is the message that has a group's picture, and which of its media that
// is; nil if there is none, or it is not here.
func (c *Client) pictureRow(tx *history.Tx, s *group.State) (row *history.Row, item int, err error) {
	name := media.Hash(s.Profile.Picture)
	if name.IsZero() || s.Secure {
		return nil, 0, nil
	}
	rows, err := tx.NamingIn(s.Group.Chat(), name, 8)
	for i := range rows {
		if item = photoIn(&rows[i], name); item >= 0 {
			return &rows[i], item, err
		}
	}
	return nil, 0, err
}

// showPicture says where a group's picture is.
func (c *Client) showPicture(tx *history.Tx, s *group.State) (*clientrpc.GroupPicture, error) {
	if s.Profile.Picture == (group.Hash{}) {
		return nil, nil
	}
	out := &clientrpc.GroupPicture{Name: s.Profile.Picture.String()}
	row, item, err := c.pictureRow(tx, s)
	if err == nil && row != nil {
		out.Here, out.FileRef = true, clientrpc.FileRef{ID: row.ID, Item: item}
	}
	return out, err
}
