package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/pgp"
)

// fileCloud is what the cloud keeps, in the server's directory.
const fileCloud = "cloud.state"

// fileDisputes has the proofs against devices of accounts (disputes.go).
const fileDisputes = "disputes"

// Files of a server's identity, in its directory, 0600.
const (
	fileSecrets = "server.pgp"      // the primary key and both subkeys, secret
	fileCert    = "certificate.pgp" // the certificate
)

// loadIdentity reads the server's keys, or makes them at the first start. The
// files are what a server is: an operator backs them up.
func loadIdentity(ctx context.Context, dir string, now time.Time) (*pgp.Identity, error) {
	secrets, err := os.ReadFile(filepath.Join(dir, fileSecrets))
	if errors.Is(err, fs.ErrNotExist) {
		return makeIdentity(ctx, dir, now)
	}
	if err != nil {
		return nil, err
	}
	_, dev, err := pgp.UnmarshalSecrets(secrets, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", fileSecrets, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, fileCert))
	if err != nil {
		return nil, err
	}
	cert, err := pgp.ParseCertificate(b, now)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", fileCert, err)
	}
	return pgp.NewIdentity(cert, dev)
}

func makeIdentity(ctx context.Context, dir string, now time.Time) (*pgp.Identity, error) {
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	if err != nil {
		return nil, err
	}
	dev, err := pgp.GenerateDevice(rand.Reader, "server", now)
	if err != nil {
		return nil, err
	}
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
	if err != nil {
		return nil, err
	}
	req, err := dev.Request(ctx, primary.Public(), now)
	if err != nil {
		return nil, err
	}
	if cert, err = pgp.AddDevice(ctx, primary, cert, req, now); err != nil {
		return nil, err
	}
	secrets, err := pgp.MarshalSecrets(primary, dev, nil)
	if err != nil {
		return nil, err
	}
	// The secrets come last: they make the next start read instead of make.
	if err := writeFile(filepath.Join(dir, fileCert), cert.Bytes()); err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(dir, fileSecrets), secrets); err != nil {
		return nil, err
	}
	return pgp.NewIdentity(cert, dev)
}

// writeFile replaces path by data in one step and returns when a crash cannot
// bring the old content back.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
