package main

import (
	"context"
	"path/filepath"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type exportCmd struct {
	Chat   string `help:"${help_chat}" placeholder:"CHAT|FPR"`
	Dir    string `required:"" help:"${help_export_dir}" placeholder:"DIR"`
	Format string `enum:"signed,html,json" default:"signed" help:"${help_export_format}"`
	Since  string `help:"${help_since}" placeholder:"DATE"`
	Until  string `help:"${help_until}" placeholder:"DATE"`
}

func (c *exportCmd) Run(ctx context.Context, a *app) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	p := clientrpc.ExportParams{Chat: c.Chat, Dir: dir, Format: c.Format, Chinese: a.lang == i18n.Chinese}
	if p.Since, p.Until, err = parseRange(c.Since, c.Until); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := a.working(ctx, conn, "busy.export", clientrpc.WorkExport, dir)
	r, err := clientrpc.Export.Call(ctx, conn, p)
	stop()
	switch {
	case err != nil:
		return err
	case a.json:
		return a.line(r)
	case c.Format != clientrpc.ExportSigned:
		a.printf("%s\n", a.text("export.pages", r.Messages, r.Files, r.Dir))
		return nil
	}
	a.printf("%s\n", a.text("export.done", r.Messages, r.Keys, r.Dir))
	for _, left := range []struct {
		n   int
		key string
	}{{r.TakenBack, "export.takenback"}, {r.Service, "export.service"}, {r.Imported, "export.imported"}, {r.Unsent, "export.unsent"}, {r.Skipped, "export.skipped"}} {
		if left.n > 0 {
			a.printf("%s\n", a.text(left.key, left.n))
		}
	}
	if r.Messages > 0 {
		where := quoted(r.Dir)
		if c.Chat == "" {
			where += "/*" // a directory for each chat
		}
		a.printf("%s\n", a.text("export.verify", where))
	}
	return nil
}
