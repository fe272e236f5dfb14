package hkp

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
)

const textPlain = "text/plain; charset=utf-8"

// serveLookup is GET /pks/lookup (KEYS-1).
func (h *Handler) serveLookup(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, "the query of this request is damaged: "+err.Error())
		return
	}
	switch op := strings.ToLower(query.Get("op")); op {
	case "get":
		h.serveGet(w, r, query.Get("search"))
	case "index", "vindex":
		h.serveIndex(w, r, query.Get("search"), machineReadable(query))
	case "stats":
		h.serveStats(w)
	default:
		refuse(w, http.StatusNotFound, fmt.Sprintf("op=%.20q is unknown here: get, index, vindex and stats are", op))
	}
}

// machineReadable reports whether options=mr is among the options.
func machineReadable(query url.Values) bool {
	for _, list := range query["options"] {
		for _, option := range strings.Split(list, ",") {
			if option == "mr" {
				return true
			}
		}
	}
	return false
}

func (h *Handler) serveGet(w http.ResponseWriter, r *http.Request, what string) {
	if cert := h.plain(w, r, what); cert != nil {
		io.WriteString(w, pgp.ArmorCertificate(cert))
	}
}

// plain returns the certificate of what is searched for, or answers itself and
// returns nil: that there is none, or that the visitor has it.
func (h *Handler) plain(w http.ResponseWriter, r *http.Request, what string) (cert []byte) {
	fp, ok := wanted(w, what)
	if !ok {
		return nil
	}
	p, err := h.cfg.Plain(r.Context(), fp)
	switch {
	case is(err, omega.CodeNotFound):
		e, ok := h.entry(w, r, fp)
		if !ok {
			return nil
		}
		p = e.Plain()
	case err != nil:
		h.fail(w, r, err)
		return nil
	}
	if fresh(w, r, "application/pgp-keys", hex.EncodeToString(p.Hash[:16])) {
		return nil
	}
	return p.Certificate
}

func (h *Handler) serveIndex(w http.ResponseWriter, r *http.Request, what string, machine bool) {
	e, ok := h.find(w, r, what)
	if !ok {
		return
	}
	text := indexText
	if machine {
		text = indexMachine
	}
	head := w.Header()
	head.Set("Content-Type", textPlain)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Access-Control-Allow-Origin", "*")
	w.Write([]byte(text(e.Certificate, h.cfg.Clock())))
}

func (h *Handler) serveStats(w http.ResponseWriter) {
	m := h.cfg.Metrics()
	w.Header().Set("Content-Type", textPlain)
	fmt.Fprintf(w, "keys: %d\nlook-ups since the start: %d, of which %d found nothing\nchanges since the start: %d\n",
		m.Accounts, m.Lookups, m.Misses, m.Accepted)
}

// serveCertificate is GET /pks/v2/certs/by-vfingerprint/{vfp} (KEYS-5): the
// version in two digits, then the fingerprint.
func (h *Handler) serveCertificate(w http.ResponseWriter, r *http.Request) {
	digits, ok := strings.CutPrefix(r.PathValue("vfp"), "04")
	if !ok || len(digits) != 40 {
		refuse(w, http.StatusNotFound, "not found: the path ends with 04 and the 40 hexadecimal digits of a version 4 fingerprint")
		return
	}
	if cert := h.plain(w, r, digits); cert != nil {
		w.Write(cert)
	}
}

// serveChanges is GET /pks/v2/prefixlog/{day} (KEYS-5).
func (h *Handler) serveChanges(w http.ResponseWriter, r *http.Request) {
	day, err := time.Parse(time.DateOnly, r.PathValue("day"))
	now := h.cfg.Clock()
	if err != nil || day.After(now) || day.Before(now.Add(-keyserver.KeepChanges)) {
		refuse(w, http.StatusNotFound, fmt.Sprintf("not found: want a day like %s, of the last %d (UTC)",
			now.UTC().Format(time.DateOnly), int(keyserver.KeepChanges/(24*time.Hour))))
		return
	}
	w.Header().Set("Content-Type", textPlain)
	line := make([]byte, 0, 10)
	err = h.cfg.Changed(r.Context(), day, func(prefix [4]byte) error {
		line = append(hex.AppendEncode(line[:0], prefix[:]), "\r\n"...)
		_, err := w.Write([]byte(strings.ToUpper(string(line))))
		return err
	})
	if err != nil && r.Context().Err() == nil {
		h.cfg.Logger.WarnContext(r.Context(), "list of changed keys ended early", "day", day.Format(time.DateOnly), "err", err)
		panic(http.ErrAbortHandler) // so that the list does not look whole
	}
}
