package fallback

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/omega-im/omega"
)

// maxAnswer bounds what is read of one answer, in octets: a key that was
// flooded with some thousand signatures.
const maxAnswer = 1 << 20

// Times within which one public key server has to do its part.
const (
	tlsTimeout    = 4 * time.Second
	headerTimeout = 5 * time.Second
)

// Errors of get. Others are those of the network.
var (
	errNone  = errors.New("it has no such key")
	errLarge = errors.New("its answer is larger than a megabyte")
)

// An outside is the one way from the programs of ω IM to public key servers.
// It can ask for one fingerprint, by GET, without a body, at the servers that it
// was made with, under the two paths of form, and there is nothing in it to send
// a key by. What could lead elsewhere is not there: redirects and cookies are the
// matter of http.Client, which it does without, and no proxy is configured.
// (spec/keys.md, KEYS-17)
type outside struct{ bare http.Transport }

func newOutside(roots *x509.CertPool) *outside {
	return &outside{http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: 16 << 10,
		DisableKeepAlives:      true, // nobody learns which look-ups belong together
		DisableCompression:     true, // what is small on the wire is small in memory
	}}
}

// get asks s for a key and returns what it says, at most maxAnswer octets, as
// long as ctx lasts.
func (o *outside) get(ctx context.Context, s server, fp omega.Fingerprint) ([]byte, error) {
	request := &http.Request{
		Method: http.MethodGet,
		URL:    s.url(fp),
		Header: http.Header{"User-Agent": {"omega-im"}},
	}
	answer, err := o.bare.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return nil, errNone
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %d", answer.StatusCode)
	case answer.ContentLength > maxAnswer:
		return nil, errLarge
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = errLarge
	}
	return b, err
}

// url is where s has a key.
func (s *server) url(fp omega.Fingerprint) *url.URL {
	u := &url.URL{Scheme: "https", Host: s.host}
	switch s.form {
	case formVKS:
		u.Path = "/vks/v1/by-fingerprint/" + fp.String()
	case formHKP:
		u.Path, u.RawQuery = "/pks/lookup", "op=get&options=mr&search=0x"+fp.String()
	}
	return u
}
