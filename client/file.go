package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/film"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/photo"
	"github.com/omega-im/omega/internal/sound"
	"github.com/omega-im/omega/media"
)

// Sizes of pictures.
const (
	maxPhoto  = 64 << 20 // octets of one that is read whole; larger ones go as files
	thumbSide = 320      // pixels
)

// sendFile keeps files here, and has them and their message sent.
func (c *Client) sendFile(ctx context.Context, p clientrpc.SendFileParams) (*clientrpc.SendFileResult, error) {
	doing := i18n.T("doing.file", p.To)
	if len(p.Paths) == 0 || len(p.Paths) > chat.MaxItems {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.files", chat.MaxItems), i18n.T("next.help"), nil)
	}
	if p.Caption != "" {
		if err := CheckText(doing, p.Caption, int64(len(p.Caption))); err != nil {
			return nil, err
		}
	}
	d, err := c.resolve(ctx, p.To)
	if err == nil && p.Secure {
		d, err = c.secureDest(doing, d)
	}
	if err != nil {
		return nil, err
	}
	return c.sendItems(ctx, doing, d, p, func() ([]chat.MediaItem, error) { return c.readFiles(ctx, doing, d, p) })
}

// sendItems has media sent that read gives, and waits as long as the caller wants. The
// same id again makes nothing.
func (c *Client) sendItems(ctx context.Context, doing i18n.Text, d dest, p clientrpc.SendFileParams, read func() ([]chat.MediaItem, error)) (*clientrpc.SendFileResult, error) {
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	if !c.gone().IsZero() {
		return nil, explain(doing, errDeleted)
	}
	if err := checkFiles(doing, d, p); err != nil {
		return nil, err
	}
	if err := c.attachItems(ctx, doing, d, p, read); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, max(p.Timeout, time.Millisecond))
	defer cancel()
	sent, err := c.await(ctx, letter{id: p.ID, to: p.To, wait: p.Wait, timeout: p.Timeout}, c.chatAt(d))
	if err != nil {
		return nil, err
	}
	out := &clientrpc.SendFileResult{SendResult: *sent}
	content, _, err := c.mediaOf(context.WithoutCancel(ctx), doing, p.ID)
	if err != nil {
		return nil, err
	}
	out.Media = mediaInfo(content)
	for i := range content.Media {
		out.URLs = append(out.URLs, c.blobURL(&content.Media[i]))
	}
	return out, nil
}

// checkFiles finds what cannot be said of files in this chat.
func checkFiles(doing i18n.Text, d dest, p clientrpc.SendFileParams) error {
	switch {
	case p.Expire < 0 || p.Expire > chat.MaxMessageLife:
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.lifetime", chat.MaxMessageLife), i18n.T("next.sooner"), nil)
	case len(p.Waveform) > chat.MaxWaveform || len(p.Paths) > 1 && (p.Poster != "" || len(p.Waveform) > 0):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.params"), i18n.T("next.help"), nil)
	case d.secure && p.Unsigned:
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.secureunsigned"), i18n.T("next.secureunsigned"), nil)
	}
	return nil
}

// readFiles reads the files of a message.
func (c *Client) readFiles(ctx context.Context, doing i18n.Text, d dest, p clientrpc.SendFileParams) ([]chat.MediaItem, error) {
	items := make([]chat.MediaItem, 0, len(p.Paths))
	for _, path := range p.Paths {
		item, err := c.readMedium(ctx, path, d.secure, p)
		switch {
		case errors.Is(err, media.ErrBad):
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.filesize", path), i18n.T("next.filesize"), nil)
		case errors.Is(err, photo.ErrDamaged):
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.picture", path), i18n.T("next.picture"), err)
		case errors.Is(err, film.ErrDamaged):
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.film", path), i18n.T("next.picture"), err)
		case err != nil:
			return nil, chosenError(doing, path, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// attachItems puts a message aside until what read gives is uploaded. The same id
// again changes nothing.
func (c *Client) attachItems(ctx context.Context, doing i18n.Text, d dest, p clientrpc.SendFileParams, read func() ([]chat.MediaItem, error)) error {
	if _, _, err := c.mediaOf(ctx, doing, p.ID); err == nil {
		return nil
	}
	if err := c.mayPost(ctx, doing, d); err != nil {
		return err
	}
	items, err := read()
	if err != nil {
		return err
	}
	content, err := c.captioned(ctx, doing, d, p, items)
	if err != nil {
		return err
	}
	content.Lifetime = p.Expire.Round(time.Second)
	raw, err := content.Raw()
	if err != nil {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.params"), i18n.T("next.help"), err)
	}
	if most := maxSecureContent - maxNamed; d.secure && len(raw) > most {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", len(raw), most), i18n.T("next.shorten"), nil)
	}
	err = c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		return tx.AddPending(&history.Pending{ID: p.ID, To: d.peer, Chat: c.namedChat(d), Content: raw, Time: c.cfg.now()})
	})
	c.outward.notify()
	return err
}

// captioned is the content of a message with media: its caption has entities, and calls
// people, as a text does. (spec/chat.md, CHAT-22, CHAT-37)
func (c *Client) captioned(ctx context.Context, doing i18n.Text, d dest, p clientrpc.SendFileParams, items []chat.MediaItem) (*chat.Content, error) {
	if p.Caption == "" {
		return chat.NewMedia("", items, p.Unsigned), nil
	}
	text, err := textContent(doing, p.Caption, p.Entities, p.Markup)
	if err == nil && d.peer.IsZero() {
		err = c.mention(ctx, d.group, text)
	}
	if err != nil {
		return nil, err
	}
	content := chat.NewMedia(text.Text, items, p.Unsigned)
	content.Entities = text.Entities
	return content, nil
}

// mayPost wants this account to be one that may write in a group, before anything is
// uploaded for it.
func (c *Client) mayPost(ctx context.Context, doing i18n.Text, d dest) error {
	if !d.peer.IsZero() {
		return nil
	}
	return c.db.View(ctx, func(tx *history.Tx) error {
		state, err := c.groupState(tx, d.group)
		if err == nil && (state.Dissolved || state.Role(c.acc.Fingerprint) < max(neededRole(chat.KindMedia, state.Rules), group.RoleMember)) {
			err = fail(clientrpc.CodeRefused, doing, i18n.T("why.mayntwrite"), i18n.T("next.groupinfo"), nil)
		}
		return err
	})
}

// maxNamed are the octets that are left in a message for where its blobs will be.
const maxNamed = chat.MaxItems * uploadHomes * 40

// readMedium puts one file into the cache, sealed or not, and says what it is.
func (c *Client) readMedium(ctx context.Context, path string, sealed bool, p clientrpc.SendFileParams) (item chat.MediaItem, err error) {
	f, err := os.Open(path)
	if err != nil {
		return item, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return item, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > media.MaxSize {
		return item, fmt.Errorf("%w: %d octets", media.ErrBad, info.Size())
	}
	begin := make([]byte, 512)
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return item, err
	}
	begin = begin[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return item, err
	}
	item.FileName, item.Type, item.Emoji = chat.CleanFileName(filepath.Base(path)), typeOf(begin, path), p.Emoji
	item.What = p.As
	picture := photo.TypeOf(begin) != "" && info.Size() <= maxPhoto
	if item.What == "" {
		item.What = whatIs(item.Type, picture)
	}
	if picture && (item.What == chat.Photo || item.What == chat.Sticker || !p.Keep) {
		return item, c.readPicture(ctx, f, &item, sealed, p.Keep)
	}
	if film.TypeOf(begin) != "" {
		item.Type = film.TypeOf(begin)
		err = c.readFilm(ctx, f, info.Size(), &item, sealed, p)
	} else {
		item.Ref, item.Seal, err = c.keep(ctx, f, media.MaxSize, sealed)
	}
	if err == nil && item.What == chat.Voice {
		err = c.listen(ctx, f, info.Size(), &item, p.Waveform)
	}
	return item, err
}

// readFilm puts a film or sound into the cache, without what it tells of place and time
// unless that is wanted, and the picture that stands for it, if there is one.
func (c *Client) readFilm(ctx context.Context, f *os.File, size int64, item *chat.MediaItem, sealed bool, p clientrpc.SendFileParams) error {
	info, err := film.Probe(f, size)
	if errors.Is(err, film.ErrDamaged) && p.Keep {
		info, err = film.Info{}, nil
	}
	if err != nil {
		return err
	}
	if p.Keep {
		info.Patches = nil
	}
	item.Width, item.Height, item.Duration = uint32(info.Width), uint32(info.Height), info.Duration.Truncate(time.Millisecond)
	if item.Ref, item.Seal, err = c.keep(ctx, film.Reader(f, info.Patches), media.MaxSize, sealed); err != nil || p.Poster == "" {
		return err
	}
	return c.readPoster(ctx, item, sealed, p.Poster)
}

// voiceBars is how many bars the waveform of a voice note has.
const voiceBars = 64

// listen says how loud a voice note is from begin to end, if the face does not, and how
// long, if the file does not. Of what cannot be read it says neither; its error is that of
// ctx. (spec/media.md, MEDIA-20)
func (c *Client) listen(ctx context.Context, f *os.File, size int64, item *chat.MediaItem, waveform []byte) error {
	if item.Waveform = waveform; len(waveform) > 0 && item.Duration > 0 {
		return nil
	}
	heard, err := sound.Look(ctx, f, size, voiceBars)
	if err != nil {
		c.cfg.log().Info("no waveform", "err", err)
		return ctx.Err()
	}
	if len(waveform) == 0 {
		item.Waveform = heard.Bars
	}
	if item.Duration == 0 {
		item.Duration = heard.Duration.Truncate(time.Millisecond)
	}
	return nil
}

// readPoster puts a picture that stands for a film into the cache.
func (c *Client) readPoster(ctx context.Context, item *chat.MediaItem, sealed bool, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := io.ReadAll(io.LimitReader(f, maxPhoto+1))
	if err != nil {
		return err
	}
	clean, info, err := photo.Clean(all)
	if err != nil {
		return err
	}
	thumb, err := photo.Thumb(clean, info, thumbSide, chat.MaxThumb)
	if err != nil {
		return fmt.Errorf("%w: %w", photo.ErrDamaged, err)
	}
	item.Thumb, item.ThumbSeal, err = c.keep(ctx, bytes.NewReader(thumb), chat.MaxThumb, sealed)
	return err
}

// readPicture puts a picture into the cache, without what it tells unless that is
// wanted, and a small one beside it.
func (c *Client) readPicture(ctx context.Context, f *os.File, item *chat.MediaItem, sealed, keep bool) error {
	all, err := io.ReadAll(io.LimitReader(f, maxPhoto+1))
	if err != nil {
		return err
	}
	clean, info, err := photo.Clean(all)
	if err != nil && !(keep && item.What == chat.File) {
		return err
	}
	send := clean
	if keep {
		send = all
	}
	if item.Ref, item.Seal, err = c.keep(ctx, bytes.NewReader(send), maxPhoto, sealed); err != nil {
		return err
	}
	item.Width, item.Height = uint32(info.Width), uint32(info.Height)
	if item.What == chat.Sticker {
		return nil
	}
	thumb, err := photo.Thumb(clean, info, thumbSide, chat.MaxThumb)
	if err != nil { // it may be too large to be decoded here
		c.cfg.log().Info("no small picture", "err", err)
		return nil
	}
	item.Thumb, item.ThumbSeal, err = c.keep(ctx, bytes.NewReader(thumb), chat.MaxThumb, sealed)
	return err
}

// typeOf is the media type of a file by how it begins, or by its name.
func typeOf(begin []byte, path string) string {
	if kind := photo.TypeOf(begin); kind != "" {
		return kind
	}
	kind, _, _ := strings.Cut(http.DetectContentType(begin), ";")
	if kind == "application/octet-stream" || kind == "text/plain" || kind == "application/zip" {
		if byName, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(path))); err == nil {
			return byName
		}
	}
	return kind
}

func whatIs(kind string, picture bool) string {
	switch {
	case picture:
		return chat.Photo
	case strings.HasPrefix(kind, "video/"):
		return chat.Video
	}
	return chat.File
}

// mediaOf returns the content of a message with media and its row; the row is nil
// while the message waits for its blobs.
func (c *Client) mediaOf(ctx context.Context, doing i18n.Text, id omega.ID) (content *chat.Content, row *history.Row, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		row, err = tx.Message(id)
		if !errors.Is(err, history.ErrNotFound) {
			if err == nil {
				content = row.Content
			}
			return err
		}
		p, err := tx.PendingMessage(id)
		if err == nil {
			content, err = chat.DecodeContent(p.Content)
		}
		return err
	})
	if err == nil && len(content.Media) == 0 || errors.Is(err, history.ErrNotFound) {
		err = fail(clientrpc.CodeNotFound, doing, i18n.T("why.nofile", id), i18n.T("next.nofile"), nil)
	}
	return content, row, err
}

// getFileError says why a file did not come.
func getFileError(doing i18n.Text, err error) error {
	switch {
	case errors.Is(err, media.ErrWrong), errors.Is(err, media.ErrBad):
		return fail(clientrpc.CodeVerify, doing, i18n.T("why.wrongfile"), i18n.T("next.wrongfile"), err)
	case isCode(err, omega.CodeNotFound):
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.filegone"), i18n.T("next.filegone"), err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(clientrpc.CodeTimeout, doing, i18n.T("why.filelate"), i18n.T("next.filelate"), nil)
	}
	return err
}

// fileStatus says how far the files of a message are.
func (c *Client) fileStatus(ctx context.Context, p clientrpc.FileStatusParams) (*clientrpc.FileStatusResult, error) {
	content, _, err := c.mediaOf(ctx, i18n.T("doing.getfile", p.ID), p.ID)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(p.Timeout)
	defer timer.Stop()
	for {
		moved := c.moved.wait()
		out := &clientrpc.FileStatusResult{}
		for _, ref := range blobsOf(content.Media) {
			if t, ok := c.transferOf(ref.Name); ok {
				out.Done, out.Total = out.Done+t.done, out.Total+t.total
			}
		}
		if out.Done > p.Done {
			return out, nil
		}
		select {
		case <-moved:
		case <-timer.C:
			return out, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// mediaInfo is what faces get of media.
func mediaInfo(content *chat.Content) (out []clientrpc.Medium) {
	for i := range content.Media {
		m := &content.Media[i]
		info := clientrpc.Medium{
			What: m.What, Blob: m.Ref.Name.String(), Size: m.Ref.Size, Type: m.Type, Name: m.FileName, Width: m.Width, Height: m.Height,
			DurationMS: m.Duration.Milliseconds(), Servers: m.Servers, Emoji: m.Emoji, Unsigned: content.Unsigned, Waveform: m.Waveform,
		}
		if m.Seal != nil {
			info.Sealed, info.Size = true, m.Seal.Size
		}
		if m.Thumb.Size > 0 {
			info.Thumb = m.Thumb.Name.String()
		}
		out = append(out, info)
	}
	return out
}

// blobURL is where a blob is served over HTTP, "" if none of its servers says so.
func (c *Client) blobURL(m *chat.MediaItem) string {
	if m.Seal != nil {
		return "" // nobody could read it there
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range m.Servers {
		if k := c.servers[s]; k != nil && k.announced.HTTP != "" {
			return strings.TrimSuffix(k.announced.HTTP, "/") + "/media/" + m.Ref.Name.String()
		}
	}
	return ""
}
