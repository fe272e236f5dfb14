package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/omega-im/omega/transport"
)

// maxAdminAnswer bounds what ask reads, in octets: a full book of invites.
const maxAdminAnswer = maxInviteFile

// ErrNoAdmin is returned by AdminAddress for a configuration without an admin
// listener.
var ErrNoAdmin = errors.New("listen.admin is off in this configuration")

// ErrNotRunning says that nothing listens where the admin listener should be.
var ErrNotRunning = errors.New("no server answers at its admin listener")

// AdminAddress is where a tool on the same machine reaches the admin listener
// of a running server: host:port.
func (c *Config) AdminAddress() (string, error) {
	if c.Listen.Admin == "" {
		return "", ErrNoAdmin
	}
	return c.Listen.Admin, nil
}

// An AdminError is what the admin listener answered instead of a result.
type AdminError struct {
	Status int // of HTTP
	Text   string
}

// Error says what the listener answered.
func (e *AdminError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.Status, http.StatusText(e.Status), e.Text)
}

// crossing are the errors that keep their meaning across the admin listener.
var crossing = []error{ErrNoInvite, ErrInviteBounds, ErrTooManyInvites, ErrUnknownServer, ErrIsAccount, ErrNoWay}

// Is gives an error that crossed the listener its meaning back.
func (e *AdminError) Is(target error) bool {
	return slices.Contains(crossing, target) && e.Text == target.Error()
}

// ask has the server whose admin listener is at an address do something: in, if
// not nil, goes there as JSON, and the answer into out.
func ask(ctx context.Context, admin, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+admin+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", typeJSON)
	resp, err := adminClient.Do(req)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" && ctx.Err() == nil {
		return fmt.Errorf("%w (%s)", ErrNotRunning, admin)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAdminAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return &AdminError{resp.StatusCode, string(bytes.TrimSpace(text[:min(len(text), 200)]))}
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("answer of %s: %w", admin, err)
	}
	return nil
}

// adminDial is how long a server that runs takes to accept its operator, at most.
const adminDial = 1500 * time.Millisecond

// adminClient asks by no proxy: the admin listener is on this machine or one of a
// private network.
var adminClient = &http.Client{Transport: &http.Transport{
	DialContext: (&net.Dialer{Timeout: adminDial}).DialContext, DisableKeepAlives: true,
}}

const typeJSON = "application/json"

// answer is one for the operator.
func (n *Node) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		n.log.Debug("admin listener: not answered", "err", err)
	}
}

// An InviteAnswer is what the operator gets of a new invite.
type InviteAnswer struct {
	Invite
	Code string `json:"code"`
	Link string `json:"link"` // the code with this server's address for clients

	// Registration is the policy that this server runs by: the invite serves for
	// nothing where it is not "invite".
	Registration string `json:"registration"`
}

// serveNewInvite is POST /invites. Only programs send JSON by themselves: no page
// in the operator's browser makes invites.
func (n *Node) serveNewInvite(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != typeJSON {
		http.Error(w, "want "+typeJSON, http.StatusUnsupportedMediaType)
		return
	}
	var o InviteOrder
	if err := json.NewDecoder(io.LimitReader(r.Body, 4<<10)).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	i, code, err := n.invites.make(o)
	switch {
	case errors.Is(err, ErrInviteBounds), errors.Is(err, ErrTooManyInvites):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		n.log.Info("invite made", "invite", i.ID, "uses", i.Uses, "expires", i.Expires)
		n.answer(w, InviteAnswer{i, code.String(), transport.InviteLink(code, n.ClientAddress()), n.cfg.Registration})
	}
}

// serveInvites is GET /invites.
func (n *Node) serveInvites(w http.ResponseWriter, _ *http.Request) { n.answer(w, n.invites.list()) }

// serveRevoke is DELETE /invites/NAME.
func (n *Node) serveRevoke(w http.ResponseWriter, r *http.Request) {
	i, err := n.invites.revoke(r.PathValue("name"))
	switch {
	case errors.Is(err, ErrNoInvite):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		n.log.Info("invite revoked", "invite", i.ID)
		n.answer(w, i)
	}
}

// MakeInvite has the server at an admin listener make an invite.
func MakeInvite(ctx context.Context, admin string, o InviteOrder) (made InviteAnswer, err error) {
	err = ask(ctx, admin, http.MethodPost, "/invites", o, &made)
	return made, err
}

// Invites lists those of the server at an admin listener, the newest first.
func Invites(ctx context.Context, admin string) (list []Invite, err error) {
	err = ask(ctx, admin, http.MethodGet, "/invites", nil, &list)
	return list, err
}

// RevokeInvite ends one of them, named by its id or its code.
func RevokeInvite(ctx context.Context, admin, name string) (revoked Invite, err error) {
	err = ask(ctx, admin, http.MethodDelete, "/invites/"+url.PathEscape(name), nil, &revoked)
	return revoked, err
}
