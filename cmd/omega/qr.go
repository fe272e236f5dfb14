package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/qr"
)

// qrHelp are the texts of options about pictures of QR codes.
var qrHelp = []string{"qr_read", "qr_write"}

// A picture is where a QR code is written to, beside what a command prints.
type picture struct {
	File string `name:"qr-file" type:"path" help:"${help_qr_write}" placeholder:"FILE.png"`
}

// write writes a text as a QR code, if a file was named: as its name ends. Only the
// owner of the file may read it, since a link may be all that somebody needs.
func (p picture) write(text string) (err error) {
	if p.File == "" {
		return nil
	}
	doing := i18n.T("doing.qrwrite", p.File)
	code, err := qr.Encode(text)
	if err != nil {
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: doing, Why: i18n.T("why.qrlong", len(text)), Cause: err.Error()}
	}
	draw := code.WritePNG
	switch strings.ToLower(filepath.Ext(p.File)) {
	case ".png":
	case ".svg":
		draw = code.WriteSVG
	default:
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: doing, Why: i18n.T("why.qrname"), Next: i18n.T("next.qrname")}
	}
	f, err := os.OpenFile(p.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(draw(f), f.Close())
	}
	if err != nil {
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: doing, Why: i18n.T("why.qrfile"), Next: i18n.T("next.qrfile"), Cause: err.Error()}
	}
	return nil
}

// readQR returns what the QR code in a picture says.
func readQR(path string) (string, error) {
	doing := i18n.T("doing.qrread", path)
	f, err := os.Open(path)
	if err != nil {
		return "", &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: doing, Why: i18n.T("why.qropen"), Cause: err.Error()}
	}
	defer f.Close()
	text, err := qr.Read(f)
	switch {
	case errors.Is(err, qr.ErrNone):
		return "", &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: doing, Why: i18n.T("why.noqr"), Next: i18n.T("next.noqr")}
	case err != nil:
		return "", &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: doing, Why: i18n.T("why.nopicture"), Next: i18n.T("next.nopicture"), Cause: err.Error()}
	}
	return text, nil
}
