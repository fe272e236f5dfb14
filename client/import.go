package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// importBatch is how many messages one transaction of an import adds: others
// write as well.
const importBatch = 1000

// An importing is one run of importFile.
type importing struct {
	c     *Client
	ctx   context.Context // of the call: it ends when that does
	file  string
	out   *clientrpc.Import
	batch []history.Imported
}

// importFile reads a file of another messenger. If that fails, what was added so
// far is taken out again. (spec/archive.md, ARCH-4)
func (c *Client) importFile(ctx context.Context, p clientrpc.ImportParams) (*clientrpc.Import, error) {
	doing := i18n.T("doing.import", p.Path)
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, chosenError(doing, p.Path, err)
	}
	defer f.Close()
	name := filepath.Base(p.Path)
	im := &importing{c: c, ctx: ctx, file: name, out: &clientrpc.Import{File: name, Time: c.cfg.now().UTC()}}
	work, end := c.works.begin(clientrpc.WorkImport, p.Path)
	defer end()
	if info, err := f.Stat(); err == nil {
		work.total.Store(info.Size())
	}
	err = archive.Read(work.reading(f), name, time.FixedZone("", p.Zone), im.add)
	if err == nil {
		err = im.flush()
	}
	if err == nil && im.out.Messages == 0 && im.out.Number != 0 {
		err = c.drop(ctx, im.out.Number, new(int))
		im.out.Number = 0
	}
	if err != nil {
		if im.out.Number != 0 {
			err = errors.Join(err, c.drop(context.WithoutCancel(ctx), im.out.Number, new(int)))
		}
		var e *archive.Error
		if errors.As(err, &e) {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.import", p.Path), i18n.T("next.import"), err)
		}
		return nil, chosenError(doing, p.Path, err)
	}
	c.changed.notify()
	return im.out, nil
}

func (im *importing) add(m *archive.Message) error {
	im.out.Source = m.Source
	im.batch = append(im.batch, history.Imported{
		Source: m.Source, Chat: m.Chat, Title: m.Title, Key: m.Key, Author: m.Author, Kind: m.Kind, Text: m.Text, Time: m.Time,
	})
	id := history.ImportedChat(m.Source, m.Chat)
	if !slices.Contains(im.out.Chats, id) {
		im.out.Chats = append(im.out.Chats, id)
	}
	if len(im.batch) < importBatch {
		return nil
	}
	return im.flush()
}

func (im *importing) flush() error {
	if len(im.batch) == 0 {
		return nil
	}
	var added int
	err := im.c.db.Update(im.ctx, func(tx *history.Tx) (err error) {
		if im.out.Number == 0 {
			if im.out.Number, err = tx.BeginImport(im.out.Source, im.file, im.out.Time); err != nil {
				return err
			}
		}
		added, err = tx.PutImported(im.out.Number, im.batch)
		return err
	})
	im.out.Messages += added
	im.out.Skipped += len(im.batch) - added
	im.batch = im.batch[:0]
	return err
}

// drop takes an import out again, in steps, and counts the messages.
func (c *Client) drop(ctx context.Context, number int64, count *int) error {
	for done := false; !done; {
		err := c.db.Update(ctx, func(tx *history.Tx) (err error) {
			n := 0
			n, done, err = tx.DropImport(number)
			*count += n
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) imports(ctx context.Context, p clientrpc.Page) (out clientrpc.ImportsResult, err error) {
	list, err := c.allImports(ctx)
	if err == nil {
		out.Imports, out.Rest, err = part(list, p, func(i *clientrpc.Import) string { return fmt.Sprintf("%020d", i.Number) })
	}
	return out, err
}

func (c *Client) allImports(ctx context.Context) ([]clientrpc.Import, error) {
	out := []clientrpc.Import{}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Imports()
		for _, i := range list {
			out = append(out, clientrpc.Import{Number: i.Number, Source: i.Source, File: i.File, Time: i.Time, Messages: i.Messages})
		}
		return err
	})
	return out, err
}

func (c *Client) undoImport(ctx context.Context, p clientrpc.UndoImportParams) (*clientrpc.Import, error) {
	list, err := c.allImports(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(i clientrpc.Import) bool { return i.Number == p.Number })
	if i < 0 {
		return nil, fail(clientrpc.CodeNotFound, i18n.T("doing.undo", p.Number), i18n.T("why.noimport", p.Number), i18n.T("next.imports"), nil)
	}
	out := list[i]
	out.Messages = 0
	err = c.drop(ctx, p.Number, &out.Messages)
	c.changed.notify()
	return &out, err
}
