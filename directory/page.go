package directory

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A page is one answer in the octets that are sent, for as many readers as ask:
// at 10,000 servers it is megabytes, which no request makes anew. Immutable.
type page struct {
	body    []byte
	tag     string // names body; without the quotes of an ETag
	zip     sync.Once
	zipped  []byte // body by gzip, once somebody wanted it
	content string // media type
	connect string // origins that scripts of a page with measurements may connect to, each after a space
}

func newPage(content string, body []byte) *page {
	sum := sha256.Sum256(body)
	return &page{body: body, tag: hex.EncodeToString(sum[:16]), content: content}
}

// serve answers a request: with 304 for who has the page already, and
// compressed for who can read that.
func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	header(w, p.content)
	body, tag := p.body, p.tag
	w.Header().Set("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = p.gzip(), p.tag+"-gzip"
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (p *page) gzip() []byte {
	p.zip.Do(func() {
		var b bytes.Buffer
		z := gzip.NewWriter(&b) // neither fails: b takes everything
		z.Write(p.body)
		z.Close()
		p.zipped = b.Bytes()
	})
	return p.zipped
}

// acceptsGzip reads an Accept-Encoding header. (RFC 9110, section 12.5.3)
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
		v, err := strconv.ParseFloat(q, 64)
		return !ok || err == nil && v > 0
	}
	return false
}
