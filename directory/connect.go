package directory

import (
	"net/url"
	"strings"
)

// maxConnect bounds the part of the front page's policy that names other servers,
// in octets: some proxies take 8 KiB of headers in all. It is enough for 150
// servers.
const maxConnect = 5 << 10

// openConnections chooses the servers that the front page may be told to measure
// the time to, in the order of the table: their origins stand in its policy, and
// nothing else may be connected to. What is beyond maxConnect is not measured.
func (s *scene) openConnections() {
	var b strings.Builder
	for _, i := range s.order {
		v := &s.views[i]
		o := origin(v.web)
		if o == "" || !v.status.usable() || b.Len()+1+len(o) > maxConnect {
			continue
		}
		v.connect = true
		b.WriteString(" " + o)
	}
	s.connect = b.String()
}

// origin is the scheme, host and port of a URL as a policy names them (Content
// Security Policy Level 3, section 2.3.1), "" for what it cannot name, such as
// addresses in brackets.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	if strings.Trim(strings.ToLower(u.Host), "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" || strings.Count(u.Host, ":") > 1 {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
