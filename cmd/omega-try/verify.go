package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// verify exports the echo's side of the chat, and lets plain gpg judge the
// message that was sent. Without gpg it says what the echo's own client found.
func (t *trial) verify(ctx context.Context, id omega.ID) error {
	dir, err := filepath.Abs(filepath.Join(t.dir, "received"))
	if err != nil {
		return err
	}
	if _, err := clientrpc.Export.Call(ctx, t.echo.conn, clientrpc.ExportParams{Chat: t.me.fp.String(), Dir: dir}); err != nil {
		return err
	}
	o := t.out
	o.println("")
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		o.println(t.text("try.nogpg"))
		return nil // the export holds verified messages only
	}
	if err := gpgVerify(ctx, gpg, dir, id, t.me.fp); err != nil {
		return fmt.Errorf("gpg --verify: %w", err)
	}
	o.println("gpg --verify  " + o.good("✓ "+t.text("try.gpgok")))
	o.println("  " + spaced(t.me.fp))
	o.println("  " + o.dim(t.text("try.received", filepath.Join(t.dir, "received"))))
	return nil
}

// gpgVerify has gpg judge one exported message in a keyring that holds nothing
// but the exported certificate, and reports nil if signer made it.
func gpgVerify(ctx context.Context, gpg, dir string, id omega.ID, signer omega.Fingerprint) (err error) {
	home, err := os.MkdirTemp("", "omega-try-")
	if err != nil {
		return err
	}
	defer func() {
		// gpg may have started helpers; without gpgconf there are none.
		exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		err = errors.Join(err, os.RemoveAll(home))
	}()
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, gpg, append([]string{"--homedir", home, "--batch", "--quiet", "--status-fd", "1"}, args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
		}
		return string(out), nil
	}
	if _, err := run("--import", filepath.Join(dir, signer.String()+".asc")); err != nil {
		return err
	}
	file := filepath.Join(dir, id.String()+".txt")
	status, err := run("--verify", file+".sig", file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(status) {
		// VALIDSIG names the subkey first and the primary key last.
		f := strings.Fields(line)
		if len(f) > 2 && f[1] == "VALIDSIG" && f[len(f)-1] == signer.String() {
			return nil
		}
	}
	return errors.New("the signature is not by the sender's key")
}

// spaced writes a fingerprint in groups of four, as gpg does.
func spaced(fp omega.Fingerprint) string {
	s := fp.String()
	var b strings.Builder
	for i := 0; i < len(s); i += 4 {
		switch {
		case i == len(s)/2:
			b.WriteString("  ")
		case i > 0:
			b.WriteByte(' ')
		}
		b.WriteString(s[i:min(i+4, len(s))])
	}
	return b.String()
}
