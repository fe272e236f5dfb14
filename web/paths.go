package web

import (
	"encoding/json"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A translation puts paths of this machine in the place of names of files in the
// parameters of a call. What it returns, if anything, is done when the core has
// answered, with its answer.
type translation func(f *files, params json.RawMessage) (sent any, after func(result json.RawMessage) (json.RawMessage, error), err error)

// translations are of the methods that name files. Parameters are read into their type
// and written again, so that nothing passes that only looks like another field.
var translations = map[string]translation{
	clientrpc.SendFile.Name: taking(clientrpc.SendFile, func(p *clientrpc.SendFileParams) []*string {
		p.Poster = ""
		return each(p.Paths)
	}),
	clientrpc.ImportFile.Name:    taking(clientrpc.ImportFile, func(p *clientrpc.ImportParams) []*string { return []*string{&p.Path} }),
	clientrpc.ImportPack.Name:    taking(clientrpc.ImportPack, func(p *clientrpc.ImportPackParams) []*string { return each(p.Paths) }),
	clientrpc.SetupRestore.Name:  taking(clientrpc.SetupRestore, func(p *clientrpc.SetupRestoreParams) []*string { return []*string{&p.Path} }),
	clientrpc.VerifyBackup.Name:  taking(clientrpc.VerifyBackup, func(p *clientrpc.BackupParams) []*string { return []*string{&p.Path} }),
	clientrpc.Backup.Name:        making(clientrpc.Backup, "omega-backup.pgp", func(p *clientrpc.BackupParams) *string { return &p.Path }),
	clientrpc.Export.Name:        making(clientrpc.Export, "omega-export", func(p *clientrpc.ExportParams) *string { return &p.Dir }),
	clientrpc.ReportContact.Name: making(clientrpc.ReportContact, "omega-report", func(p *clientrpc.ReportParams) *string { return &p.Dir }),
	clientrpc.GetFile.Name: func(_ *files, params json.RawMessage) (any, func(json.RawMessage) (json.RawMessage, error), error) {
		var p clientrpc.GetFileParams
		err := json.Unmarshal(params, &p)
		p.Path = "" // pages read media by HTTP
		return p, func(result json.RawMessage) (json.RawMessage, error) {
			var r clientrpc.GetFileResult
			if err := json.Unmarshal(result, &r); err != nil {
				return nil, err // the call failed
			}
			r.Path = ""
			return json.Marshal(r)
		}, err
	},
}

func each(list []string) (out []*string) {
	for i := range list {
		out = append(out, &list[i])
	}
	return out
}

// taking is of a method that reads files: those that were uploaded, which are gone
// when it has answered.
func taking[Req, Resp any](_ clientrpc.Method[Req, Resp], names func(*Req) []*string) translation {
	return func(f *files, params json.RawMessage) (any, func(json.RawMessage) (json.RawMessage, error), error) {
		var p Req
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, nil, err
		}
		var taken []string
		for _, name := range names(&p) {
			path, ok := f.path(*name)
			if !ok {
				return nil, nil, fs.ErrNotExist
			}
			taken = append(taken, *name)
			*name = path
		}
		if len(taken) == 0 {
			return nil, nil, fs.ErrNotExist
		}
		return p, func(result json.RawMessage) (json.RawMessage, error) {
			for _, name := range taken {
				f.drop(name)
			}
			return result, nil
		}, nil
	}
}

// making is of a method that writes a file or directory, which is then downloaded.
func making[Req, Resp any](_ clientrpc.Method[Req, Resp], as string, path func(*Req) *string) translation {
	return func(f *files, params json.RawMessage) (any, func(json.RawMessage) (json.RawMessage, error), error) {
		var p Req
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, nil, err
		}
		name, err := f.place()
		if err != nil {
			return nil, nil, err
		}
		*path(&p) = filepath.Join(f.dir, name, as)
		return p, func(json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(map[string]string{"download": name})
		}, nil
	}
}

// hide returns e with names of files in the place of where they lie on this machine.
func (f *files) hide(e *clientrpc.Error) *clientrpc.Error {
	out := *e
	for _, text := range []*i18n.Text{&out.Doing, &out.Why, &out.Next} {
		text.Args = slices.Clone(text.Args) // e is the core's
		for i, arg := range text.Args {
			if rel, err := filepath.Rel(f.dir, arg); err == nil && filepath.IsLocal(rel) {
				text.Args[i] = filepath.Base(arg)
			}
		}
	}
	out.Cause = strings.ReplaceAll(e.Cause, f.dir+string(filepath.Separator), "")
	return &out
}

// translate puts paths of this machine in the place of names of files.
func (f *files) translate(q *request) (after func(json.RawMessage) (json.RawMessage, error), err error) {
	t, ok := translations[q.Method]
	if !ok {
		return nil, nil
	}
	sent, after, err := t(f, q.Params)
	if err != nil {
		return nil, &clientrpc.Error{
			Code: clientrpc.CodeUsage, Doing: i18n.T("doing.call", q.Method), Why: i18n.T("why.upload"), Next: i18n.T("next.upload"), Cause: err.Error(),
		}
	}
	q.Params, err = json.Marshal(sent)
	return after, err
}
