package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type fileSendCmd struct {
	To       string        `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Caption  string        `help:"${help_file_caption}" placeholder:"TEXT"`
	As       string        `help:"${help_file_as}" enum:"photo,video,voice,file,sticker," default:"" placeholder:"WHAT"`
	Emoji    string        `help:"${help_file_emoji}" placeholder:"EMOJI"`
	Keep     bool          `help:"${help_file_keep}"`
	Poster   string        `help:"${help_file_poster}" placeholder:"PATH"`
	Waveform string        `help:"${help_file_waveform}" placeholder:"HEX"`
	Unsigned bool          `help:"${help_file_unsigned}"`
	Secure   bool          `help:"${help_send_secure}"`
	Expire   time.Duration `help:"${help_send_expire}"`
	Progress bool          `help:"${help_file_progress}"`
	Wait     string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout  time.Duration `default:"1h" help:"${help_timeout}"`
	Paths    []string      `arg:"" help:"${help_file_paths}" placeholder:"PATH"`
}

func (c *fileSendCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	p := clientrpc.SendFileParams{
		To: c.To, Caption: c.Caption, As: c.As, Emoji: c.Emoji, Keep: c.Keep, Unsigned: c.Unsigned, Wait: c.Wait, Timeout: c.Timeout,
		Secure: c.Secure, Expire: c.Expire,
	}
	var err error
	if p.Waveform, err = hex.DecodeString(c.Waveform); err != nil {
		return badValue(i18n.T("why.parse.hex", "--waveform", c.Waveform))
	}
	if p.Paths, err = absolute(c.Paths); err != nil {
		return err
	}
	if c.Poster != "" {
		if p.Poster, err = filepath.Abs(c.Poster); err != nil {
			return err
		}
	}
	rand.Read(p.ID[:])
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	a.sending = true
	stop := a.watchFile(ctx, conn, p.ID, c.Progress)
	r, err := clientrpc.SendFile.Call(ctx, conn, p)
	stop()
	if err != nil {
		return err
	}
	return a.sentFiles(ctx, c.To, c.Wait, r)
}

// sentFiles says how far a message with media got.
func (a *app) sentFiles(ctx context.Context, to, wait string, r *clientrpc.SendFileResult) (err error) {
	if a.json {
		first := r.Media[0]
		err = a.line(map[string]any{
			"id": r.ID, "chat": r.Chat, "state": r.State, "blob": first.Blob, "size": first.Size, "url": r.URLs[0], "media": r.Media, "urls": r.URLs,
		})
	} else {
		a.learn(ctx, r.ID)
		a.printf("%s %s  %s\n", ticks[r.State], a.text("state."+r.State), a.short(r.ID))
	}
	if err != nil {
		return err
	}
	return a.sent(to, wait, &r.SendResult)
}

func absolute(paths []string) (out []string, err error) {
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		out = append(out, abs)
	}
	return out, nil
}

type fileGetCmd struct {
	Item     int           `default:"1" help:"${help_file_item}" placeholder:"N"`
	Thumb    bool          `help:"${help_file_thumb}"`
	Anyway   bool          `help:"${help_file_anyway}"`
	Out      string        `help:"${help_file_out}" placeholder:"PATH"`
	Progress bool          `help:"${help_file_progress}"`
	Timeout  time.Duration `default:"1h" help:"${help_timeout}"`
	ID       string        `arg:"" help:"${help_file_id}" placeholder:"ID"`
}

func (c *fileGetCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, id, err := a.connectAbout(ctx, c.ID)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := a.watchFile(ctx, conn, id, c.Progress)
	r, err := c.get(ctx, conn, id)
	stop()
	if err != nil {
		return err
	}
	if a.json {
		return a.line(r)
	}
	key := "file.got"
	if !r.Verified {
		key = "file.gotunsigned"
	}
	a.printf("%s\n", safe(a.text(key, r.Path, r.Size)))
	return nil
}

// get gets the file, under its own name where no other was asked for, or only a
// directory. A name that is taken there is not written over.
func (c *fileGetCmd) get(ctx context.Context, conn clientrpc.Conn, id omega.ID) (*clientrpc.GetFileResult, error) {
	p := clientrpc.GetFileParams{FileRef: clientrpc.FileRef{ID: id, Item: c.Item - 1, Thumb: c.Thumb}, Anyway: c.Anyway, Timeout: c.Timeout}
	out := c.Out
	if dir, only := onlyDirectory(out); only {
		r, err := clientrpc.GetFile.Call(ctx, conn, p)
		if err != nil {
			return nil, err
		}
		if out, err = freeName(dir, r); err != nil {
			return nil, err
		}
	}
	path, err := filepath.Abs(out)
	if err != nil {
		return nil, err
	}
	p.Path = path
	return clientrpc.GetFile.Call(ctx, conn, p)
}

// onlyDirectory reports whether a path says only in which directory a file is to be;
// none is the one at hand.
func onlyDirectory(path string) (dir string, only bool) {
	if path == "" {
		return ".", true
	}
	info, err := os.Stat(path)
	return path, err == nil && info.IsDir() || os.IsPathSeparator(path[len(path)-1])
}

type fileCatCmd struct {
	Item    int           `default:"1" help:"${help_file_item}" placeholder:"N"`
	Offset  int64         `help:"${help_file_offset}" placeholder:"N"`
	Length  int64         `help:"${help_file_length}" placeholder:"N"`
	Anyway  bool          `help:"${help_file_anyway}"`
	Timeout time.Duration `default:"1m" help:"${help_timeout}"`
	ID      string        `arg:"" help:"${help_file_id}" placeholder:"ID"`
}

// Run writes a file to the standard output as it comes, checked part by part.
func (c *fileCatCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, id, err := a.connectAbout(ctx, c.ID)
	if err != nil {
		return err
	}
	defer conn.Close()
	p := clientrpc.ReadFileParams{FileRef: clientrpc.FileRef{ID: id, Item: c.Item - 1}, Offset: c.Offset, Anyway: c.Anyway, Timeout: c.Timeout}
	for left := c.Length; c.Length == 0 || left > 0; left -= int64(p.Length) {
		p.Length = clientrpc.MaxRead
		if c.Length != 0 {
			p.Length = int(min(left, clientrpc.MaxRead))
		}
		r, err := clientrpc.ReadFile.Call(ctx, conn, p)
		if err != nil {
			return err
		}
		if _, err := a.stdout.Write(r.Data); err != nil {
			return err
		}
		if p.Offset += int64(len(r.Data)); p.Offset >= r.Size {
			return nil
		}
	}
	return nil
}

// connectAbout reaches the core, which knows the message that somebody typed.
func (a *app) connectAbout(ctx context.Context, typed string) (*client.Local, omega.ID, error) {
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, omega.ID{}, err
	}
	id, err := a.messageID(ctx, conn, typed, "")
	if err != nil {
		conn.Close()
		return nil, omega.ID{}, err
	}
	return conn, id, nil
}

// watchFile shows how far the files of a message are until stop is called.
func (a *app) watchFile(ctx context.Context, conn clientrpc.Conn, id omega.ID, wanted bool) (stop func()) {
	if !wanted {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var p clientrpc.FileStatusParams
		p.ID, p.Timeout = id, time.Second
		var shown int64
		for ctx.Err() == nil {
			r, err := clientrpc.FileStatus.Call(ctx, conn, p)
			if err != nil || r.Done <= p.Done {
				if err != nil && !pause(ctx, 200*time.Millisecond) { // it is not there yet
					return
				}
				if err == nil {
					p.Done = r.Done
				}
				continue
			}
			if percent := 100 * r.Done / max(1, r.Total); a.json || percent != shown || p.Done == 0 {
				a.showProgress(r)
				shown = percent
			}
			p.Done = r.Done
			if !pause(ctx, 100*time.Millisecond) {
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// showProgress prints one line.
func (a *app) showProgress(r *clientrpc.FileStatusResult) {
	if a.json {
		_ = a.line(map[string]any{"done": r.Done, "total": r.Total})
		return
	}
	if r.Total > 0 {
		fmt.Fprintf(a.stderr, "%3d %%\n", 100*r.Done/r.Total)
	}
}
