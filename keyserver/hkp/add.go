package hkp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// maxBody is the largest form that is read: the largest key block with a third
// of its octets percent-encoded, as gpg does with those that are no letters.
const maxBody = pgp.MaxKeyBlock + pgp.MaxKeyBlock/2

var errTooLarge = fmt.Errorf("the key is larger than %d KiB; send it without what others signed: gpg --export-options export-minimal", pgp.MaxKeyBlock>>10)

// serveAdd is POST /pks/add (KEYS-3). What costs nothing is checked first: the
// length, the form of the packets, whether the account is known, its ration;
// signatures last.
func (h *Handler) serveAdd(w http.ResponseWriter, r *http.Request) {
	own, fp, err := readKey(r)
	if err != nil {
		h.refuseKey(w, err)
		return
	}
	if _, err := h.cfg.Find(r.Context(), fp); err != nil {
		if is(err, omega.CodeNotFound) {
			err = omega.Errorf(omega.CodeNotFound, "nobody is registered here as %s; an account registers itself: omega init --gpg %s", fp, fp)
		}
		h.fail(w, r, err)
		return
	}
	if wait := h.rations.wait(fp, h.cfg.Clock()); wait > 0 {
		busy(w, wait, "too many changes of "+fp.String())
		return
	}
	changed, err := h.cfg.Update(r.Context(), fp, own)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", textPlain)
	if changed {
		h.rations.charge(fp, h.cfg.Clock())
		fmt.Fprintf(w, "%s: updated\n", fp)
		return
	}
	fmt.Fprintf(w, "%s: nothing new\n", fp)
}

func is(err error, code omega.Code) bool {
	var e *omega.Error
	return errors.As(err, &e) && e.Code == code
}

// readKey reads the form and leaves what may be the owner's of the key in it.
func readKey(r *http.Request) (own []byte, fp omega.Fingerprint, err error) {
	if r.ContentLength > maxBody {
		return nil, fp, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fp, fmt.Errorf("the request ended early: %w", err)
	}
	if len(body) > maxBody {
		return nil, fp, errTooLarge
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["keytext"]) != 1 {
		return nil, fp, errors.New("want one key, armored, as the form's value keytext")
	}
	text := form.Get("keytext")
	if len(text) > pgp.MaxKeyBlock {
		return nil, fp, errTooLarge
	}
	return pgp.Own([]byte(text))
}

// refuseKey answers for a submission that is no key, or not one that can be
// kept.
func (h *Handler) refuseKey(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, err.Error())
	case errors.Is(err, pgp.ErrPolicy):
		refuse(w, http.StatusForbidden, err.Error())
	default:
		refuse(w, http.StatusUnprocessableEntity, err.Error())
	}
}
