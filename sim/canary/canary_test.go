package canary

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The public key servers that the canary plays.
const (
	byVKS = "keys.openpgp.org"
	byHKP = "keyserver.ubuntu.com"
)

// A canary is the rest of the world. It notes every request, every name that is
// looked up and every attempt to reach any address but loopback.
type canary struct {
	authority []byte // PEM
	cert      tls.Certificate

	mu       sync.Mutex
	keys     map[string]string // armored, by path and query; guarded by mu
	requests []request         // guarded by mu
	names    map[string]int    // looked up; guarded by mu
	attempts map[string]int    // guarded by mu
}

// A request is what somebody asked, or sent.
type request struct {
	method, host, url string
	body              int // octets
}

func (r request) String() string {
	return fmt.Sprintf("%s %s%s (%d octets)", r.method, r.host, r.url, r.body)
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	c := &canary{keys: map[string]string{}, names: map[string]int{}, attempts: map[string]int{}}
	c.certify(t)
	return c
}

// certify makes the authority and the certificate of the servers.
func (c *canary) certify(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "canary"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: byVKS}, DNSNames: []string{byVKS, byHKP},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	own, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c.cert = tls.Certificate{Certificate: [][]byte{own, der}, PrivateKey: key}
}

// serve listens where key servers do, at every address.
func (c *canary) serve(t *testing.T) {
	t.Helper()
	for _, port := range []int{80, 443, 11371} {
		ln, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		if port == 443 {
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{c.cert}})
		}
		s := &http.Server{Handler: http.HandlerFunc(c.answer), ErrorLog: log.New(io.Discard, "", 0)}
		go s.Serve(ln)
		t.Cleanup(func() { s.Close() })
	}
	udp, err := net.ListenPacket("udp", dnsAddr+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	go c.resolve(udp)
	c.watch(t)
}

// answer notes a request and serves the keys that there are.
func (c *canary) answer(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body) // a client that breaks off has sent so much
	c.mu.Lock()
	c.requests = append(c.requests, request{r.Method, r.Host, r.URL.String(), int(n)})
	key, ok := c.keys[r.Host+r.URL.String()]
	c.mu.Unlock()
	if !ok && r.Method == http.MethodGet {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, key)
}

// have gives a server a key.
func (c *canary) have(host, url, armored string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[host+url] = armored
}

// seen are the requests so far, in words.
func (c *canary) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, r := range c.requests {
		out = append(out, r.String())
	}
	return out
}

// sent are those of them that carried something or were no look-up.
func (c *canary) sent() (out []request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		if r.method != http.MethodGet || r.body != 0 {
			out = append(out, r)
		}
	}
	return out
}

// reached lists what anybody tried to reach, and the names that were looked up.
func (c *canary) reached() (attempts, names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.attempts)), slices.Sorted(maps.Keys(c.names))
}

// resolve answers who asks for a public key server with the canary's address, and
// everybody else with nothing.
func (c *canary) resolve(udp net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := udp.ReadFrom(buf)
		if err != nil {
			return // it is closed
		}
		name, kind, end := question(buf[:n])
		if end == 0 {
			continue
		}
		c.mu.Lock()
		c.names[name]++
		c.mu.Unlock()
		reply := append([]byte{}, buf[:end]...)
		copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
		if kind == 1 && (name == byVKS || name == byHKP) {
			reply[7] = 1
			reply = append(reply, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
			reply = append(reply, net.ParseIP(canaryAddr).To4()...)
		}
		_, _ = udp.WriteTo(reply, from)
	}
}

// question reads the question of a DNS message (RFC 1035, section 4.1): the name,
// its type, and where it ends; 0 if there is none.
func question(b []byte) (name string, kind, end int) {
	var labels []string
	i := 12
	for i < len(b) && b[i] != 0 {
		n := int(b[i])
		if n > 63 || i+1+n > len(b) {
			return "", 0, 0
		}
		labels = append(labels, strings.ToLower(string(b[i+1:i+1+n])))
		i += 1 + n
	}
	if i+5 > len(b) {
		return "", 0, 0
	}
	return strings.Join(labels, "."), int(b[i+1])<<8 | int(b[i+2]), i + 5
}
