package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
)

// maxVouches is how many certifications a server shows (wire.LinkRequest).
const maxVouches = 16

// operatorPrefix marks an operator in cloud.deny.
const operatorPrefix = "operator:"

// denied reads cloud.deny.
func (c *Config) denied() (cloud.Deny, error) {
	var d cloud.Deny
	for _, entry := range c.Cloud.Deny {
		if name, ok := strings.CutPrefix(entry, operatorPrefix); ok {
			if name = strings.TrimSpace(name); name == "" || len(name) > maxConfigText {
				return d, wrong("config.deny", entry, operatorPrefix)
			}
			d.Operators = append(d.Operators, name)
			continue
		}
		fp, err := omega.ParseFingerprint(entry)
		if err != nil {
			return d, wrongBecause(err, "config.deny", entry, operatorPrefix)
		}
		d.Servers = append(d.Servers, fp)
	}
	return d, nil
}

// bootstraps reads cloud.bootstrap.
func (c *Config) bootstraps() ([]transport.Address, error) {
	var out []transport.Address
	for _, b := range c.Cloud.Bootstrap {
		addr, err := transport.ParseAddress(b)
		if err != nil {
			return nil, wrongBecause(err, "config.bootstrap", b)
		}
		out = append(out, addr)
	}
	return out, nil
}

// vouches reads the files of cloud.vouches.
func (c *Config) vouches() ([][]byte, error) {
	var out [][]byte
	for _, path := range c.Cloud.Vouches {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, wrongBecause(err, "config.vouchfile", path, err)
		}
		list, err := pgp.ParseCertifications(b, maxVouches)
		if err == nil && len(list) == 0 {
			err = errors.New("no certification")
		}
		if err != nil {
			return nil, wrongBecause(err, "config.novouch", path)
		}
		if out = append(out, list...); len(out) > maxVouches {
			return nil, wrong("config.manyvouches", len(out), maxVouches)
		}
	}
	return out, nil
}

// ExplainJoin tells how a server with this configuration would join the cloud
// and what its candidates say. Nothing is changed in the cloud; the server's
// keys are made if it has none, as the first start would, and it reports whether
// they were, also beside an error.
func ExplainJoin(ctx context.Context, cfg *Config) (e *cloud.Explanation, keysMade bool, err error) {
	if len(cfg.Cloud.Bootstrap) == 0 {
		return nil, false, wrong("join.alone")
	}
	// A second connection with the keys of a running server would take the
	// place of its own.
	ln, err := net.Listen("tcp", cfg.Listen.Peer)
	if err != nil {
		return nil, false, fmt.Errorf("the server of this configuration seems to be running, and joins by itself: %w", err)
	}
	ln.Close()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, false, err
	}
	_, statErr := os.Stat(filepath.Join(cfg.Dir, fileSecrets))
	identity, err := loadIdentity(ctx, cfg.Dir, time.Now())
	if err != nil {
		return nil, false, err
	}
	keysMade = statErr != nil
	guard, err := newGuard(cfg, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, keysMade, err
	}
	c := cloud.Config{
		Identity:     identity,
		Announcement: mesh.Announcement{Operator: cfg.Operator, Site: cfg.Site},
		Dial: func(ctx context.Context, to transport.Address) (cloud.Conn, error) {
			conn, err := dialAs(ctx, guard, transport.DialConfig{Address: to, Identity: identity})
			if err != nil {
				return nil, err // no nil pointer in an interface
			}
			return conn, nil
		},
		Probe: func(ctx context.Context, to transport.Address) (time.Duration, error) {
			return guard.Probe(ctx, to)
		},
	}
	if cfg.Cloud.Transit {
		c.Announcement.Flags |= mesh.FlagTransit
	}
	if cfg.Announce.NAT {
		c.Announcement.Flags |= mesh.FlagNAT
	}
	if c.Bootstrap, err = cfg.bootstraps(); err != nil {
		return nil, keysMade, err
	}
	if c.Deny, err = cfg.denied(); err != nil {
		return nil, keysMade, err
	}
	if c.Vouches, err = cfg.vouches(); err != nil {
		return nil, keysMade, err
	}
	e, err = cloud.Explain(ctx, c)
	return e, keysMade, err
}

// ReadEvidence returns the proofs of equivocation that a server's directory
// holds, verified.
func ReadEvidence(dir string) ([]cloud.Proof, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileCloud))
	if err != nil {
		return nil, err
	}
	return cloud.ReadEvidence(b, time.Now())
}

// Vouch certifies another server's certificate with the primary key of the
// server in dir. The result goes to the other operator, for cloud.vouches.
func Vouch(ctx context.Context, dir, certificate string) (signature []byte, of omega.Fingerprint, err error) {
	now := time.Now()
	b, err := os.ReadFile(certificate)
	if err != nil {
		return nil, of, err
	}
	cert, err := pgp.ParseCertificate(b, now)
	if err != nil {
		return nil, of, fmt.Errorf("%s: %w", certificate, err)
	}
	secrets, err := os.ReadFile(filepath.Join(dir, fileSecrets))
	if err != nil {
		return nil, of, err
	}
	primary, _, err := pgp.UnmarshalSecrets(secrets, nil)
	if err != nil {
		return nil, of, fmt.Errorf("read %s: %w", fileSecrets, err)
	}
	signature, err = pgp.Certify(ctx, primary, cert, now)
	return signature, cert.Fingerprint(), err
}

// serveDenied publishes whom this server refuses links.
func (n *Node) serveDenied(w http.ResponseWriter, _ *http.Request) {
	d, err := n.cfg.denied()
	if err != nil {
		http.Error(w, "the deny list cannot be read", http.StatusInternalServerError)
		return
	}
	list := struct {
		Servers   []omega.Fingerprint `json:"servers"`
		Operators []string            `json:"operators"`
	}{append([]omega.Fingerprint{}, d.Servers...), append([]string{}, d.Operators...)}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(list)
}
