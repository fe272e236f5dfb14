package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type importCmd struct {
	Path string `arg:"" name:"file" help:"${help_import_path}"`
	Zone string `default:"+08:00" help:"${help_import_zone}" placeholder:"+08:00"`
}

func (c *importCmd) Run(ctx context.Context, a *app) error {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	zone, err := time.Parse("Z07:00", c.Zone)
	if err != nil {
		return badValue(i18n.T("why.parse.zone", "--zone", c.Zone))
	}
	_, seconds := zone.Zone()
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := a.working(ctx, conn, "busy.import", clientrpc.WorkImport, path)
	r, err := clientrpc.ImportFile.Call(ctx, conn, clientrpc.ImportParams{Path: path, Zone: seconds})
	stop()
	switch {
	case err != nil:
		return err
	case a.json:
		return a.line(r)
	case r.Messages == 0:
		a.printf("%s\n", a.text("import.nothing", r.Skipped))
		return nil
	}
	a.printf("%s\n", a.text("import.done", r.Messages, r.Skipped, r.Number))
	for _, chat := range r.Chats {
		name := ""
		if c, err := clientrpc.OneChat.Call(ctx, conn, clientrpc.ChatRef{Chat: chat.String()}); err == nil {
			name = safe(c.Name)
		}
		a.columns("  "+name, a.advice("import.look", chat.String()))
	}
	return nil
}

type importsCmd struct{}

func (c *importsCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.Imports, clientrpc.Page{}, "import.none", func(r clientrpc.ImportsResult) error {
		for _, i := range r.Imports {
			if !a.json {
				a.columns(fmt.Sprint(i.Number), a.clock(i.Time), a.text("import.from."+i.Source), a.text("days.messages", i.Messages), safe(i.File))
			} else if err := a.line(i); err != nil {
				return err
			}
		}
		return nil
	})
}

type undoCmd struct {
	Number int64 `arg:"" help:"${help_import_number}"`
}

func (c *undoCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := a.busy("busy.undo")
	r, err := clientrpc.UndoImport.Call(ctx, conn, clientrpc.UndoImportParams{Number: c.Number})
	stop()
	if err != nil {
		return err
	}
	if a.json {
		return a.line(r)
	}
	a.printf("%s\n", a.text("import.undone", r.Messages))
	return nil
}
