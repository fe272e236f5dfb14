package transport

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A Guest is a connection on which only the server proved who it is. It may
// ask a few things and ends after five minutes. Its methods may not be called
// concurrently. Over a WebSocket nothing protects the answers on the way;
// entries prove themselves and blobs have to be sealed by their makers anyway.
type Guest struct {
	conn   *Conn
	server Peer
	tag    uint32 // of the last request
}

// DialGuest connects without saying who dials. Identity, Ticket and Register
// of cfg are not used.
func DialGuest(ctx context.Context, cfg DialConfig) (*Guest, error) {
	g := &Guest{}
	cfg.Role = RoleClient
	var err error
	g.conn, err = open(ctx, cfg, func(gr *greeting, _ context.Context) error {
		if err := gr.checkHello(); err != nil {
			return err
		}
		g.server = gr.peer()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Server is who answered, as it proved; its SessionID and Version are not set.
func (g *Guest) Server() Peer { return g.server }

// Lookup asks for the certificate and record of an account or server, by the
// fingerprint of its primary key or of a signing subkey. The caller checks
// both. No such thing is omega.CodeNotFound.
func (g *Guest) Lookup(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error) {
	body, err := g.ask(ctx, wire.TypeLookup, wire.TypeEntry, fp.Wire())
	if err != nil {
		return wire.Entry{}, fmt.Errorf("look up %s: %w", fp, err)
	}
	return wire.DecodeEntry(bytes.Clone(body))
}

// Drop leaves a blob of at most MaxBlob octets under a handle, for five
// minutes. The same again changes nothing; another blob under the same handle
// is omega.CodeConflict.
func (g *Guest) Drop(ctx context.Context, handle Handle, blob []byte) error {
	if len(blob) > MaxBlob {
		return omega.Errorf(omega.CodeTooLarge, "drop blob of %d octets, at most %d", len(blob), MaxBlob)
	}
	body, err := g.ask(ctx, wire.TypeDrop, wire.TypeDone, handle[:], blob)
	if err == nil {
		err = wire.DecodeStatus(body)
	}
	if err != nil {
		return fmt.Errorf("drop blob: %w", err)
	}
	return nil
}

// Pick returns the blob under a handle, or omega.CodeNotFound while there is
// none.
func (g *Guest) Pick(ctx context.Context, handle Handle) ([]byte, error) {
	body, err := g.ask(ctx, wire.TypePick, wire.TypeBlob, handle[:])
	if err != nil {
		return nil, fmt.Errorf("pick blob: %w", err)
	}
	return bytes.Clone(body), nil
}

// Servers asks which servers there are, and returns a body of wire.TypeServerList.
// The caller checks every announcement in it.
func (g *Guest) Servers(ctx context.Context, query []byte) ([]byte, error) {
	body, err := g.ask(ctx, wire.TypeServers, wire.TypeServerList, query)
	if err != nil {
		return nil, fmt.Errorf("ask for servers: %w", err)
	}
	return bytes.Clone(body), nil
}

// MaxContest is the largest key block of Contest in octets.
const MaxContest = MaxBlob

// Contest tells what the owner of an account, or a device of it, says of its devices:
// who is removed by another device has no session to say it in. What comes too late is
// omega.CodeRefused. (spec/keys.md, KEYS-39)
func (g *Guest) Contest(ctx context.Context, account omega.Fingerprint, block []byte) error {
	if len(block) > MaxContest {
		return omega.Errorf(omega.CodeTooLarge, "contest by %d octets, at most %d", len(block), MaxContest)
	}
	body, err := g.ask(ctx, wire.TypeContest, wire.TypeDone, account.Wire(), block)
	if err == nil {
		err = wire.DecodeStatus(body)
	}
	if err != nil {
		return fmt.Errorf("contest: %w", err)
	}
	return nil
}

// ask sends one request and waits for its answer of type want.
func (g *Guest) ask(ctx context.Context, t, want wire.Type, parts ...[]byte) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { _ = g.conn.Close() })()
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(DefaultDialTimeout)
	}
	_ = g.conn.link.SetReadDeadline(until)
	_ = g.conn.link.SetWriteDeadline(until)
	g.tag++
	var f wire.Frame
	err := g.conn.writeNow(t, g.tag, bytes.Join(parts, nil))
	if err == nil {
		f, err = g.conn.ReadFrame()
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case f.Tag != g.tag:
		return nil, malformed("answer to another request")
	case f.Type == want:
		return f.Body, nil
	case f.Type == wire.TypeError:
		if err := wire.DecodeStatus(f.Body); err != nil {
			return nil, err
		}
	}
	return nil, malformed(fmt.Sprintf("frame of type %d, want %d", f.Type, want))
}

// Close ends the connection.
func (g *Guest) Close() error { return g.conn.Close() }
