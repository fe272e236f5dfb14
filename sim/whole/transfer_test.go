package whole

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// transferred is how large the file of BenchmarkTransfer is, in octets.
const transferred = 64 << 20

// BenchmarkTransfer sends a file from one person to another by one home that has it
// durably: from the call until the other side has it checked, in the clear and sealed.
// The floor, in the same run, is two copies through TLS, each hashed at both ends and
// synced: to a server and to a reader. Both ends and the server share the process and
// its processors; cpu-ns/B is of all of them.
func BenchmarkTransfer(b *testing.B) {
	servers, err := startCloud(b.TempDir(), 1, "open", "pebble")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { servers[0].end() })
	address := servers[0].address()
	ann, bob := newPerson(b, "ann", address), newPerson(b, "bob", address)
	bob.knows(b, ann) // files of strangers are bounded
	ann.knows(b, bob)
	dir := b.TempDir()
	for _, way := range []struct {
		name string
		do   func(b *testing.B, path string)
	}{
		{"floor", newCopier(b, dir).twice},
		{"normal", func(b *testing.B, path string) { ann.transfer(b, bob, path, false) }},
		{"secure", func(b *testing.B, path string) { ann.transfer(b, bob, path, true) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(transferred)
			var cpu time.Duration
			for b.Loop() {
				b.StopTimer()
				path := fresh(b, dir)
				before := processorTime()
				b.StartTimer()
				way.do(b, path)
				b.StopTimer()
				cpu += processorTime() - before
				b.StartTimer()
			}
			b.ReportMetric(float64(cpu)/float64(b.N)/transferred, "cpu-ns/B")
		})
	}
}

// fresh writes a file that nobody has.
func fresh(b *testing.B, dir string) string {
	b.Helper()
	octets := make([]byte, transferred)
	rand.Read(octets)
	path := filepath.Join(dir, newID().String())
	must(b, os.WriteFile(path, octets, 0o600))
	return path
}

// knows makes somebody a contact.
func (d *device) knows(b *testing.B, other *device) {
	b.Helper()
	_, err := clientrpc.AddContact.Call(b.Context(), d.conn, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: other.account.String()}})
	must(b, err)
}

// transfer sends a file and has it at the other side.
func (d *device) transfer(b *testing.B, to *device, path string, secure bool) {
	b.Helper()
	id := newID()
	_, err := clientrpc.SendFile.Call(b.Context(), d.conn, clientrpc.SendFileParams{
		ID: id, To: to.account.String(), Paths: []string{path}, Secure: secure, Wait: "stored", Timeout: 10 * patience,
	})
	must(b, err)
	get := clientrpc.GetFileParams{FileRef: clientrpc.FileRef{ID: id}, Path: path + ".got", Timeout: 10 * patience}
	until(b, "the file is there", func() bool {
		_, err = clientrpc.GetFile.Call(b.Context(), to.conn, get)
		return err == nil
	})
	must(b, os.Remove(get.Path))
}

// A copier is the floor: a listener to whom a file is brought.
type copier struct {
	ln     net.Listener
	config *tls.Config
	dir    string
}

func newCopier(b *testing.B, dir string) *copier {
	b.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	must(b, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"floor"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	must(b, err)
	cert, err := x509.ParseCertificate(der)
	must(b, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	c := &copier{dir: dir, config: &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: "floor",
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
	}}
	c.ln, err = tls.Listen("tcp", "127.0.0.1:0", c.config)
	must(b, err)
	b.Cleanup(func() { c.ln.Close() })
	return c
}

// twice brings a file to the server, and from there to a reader.
func (c *copier) twice(b *testing.B, path string) {
	b.Helper()
	for _, to := range []string{path + ".server", path + ".reader"} {
		c.once(b, path, to)
		path = to
	}
}

func (c *copier) once(b *testing.B, from, to string) {
	b.Helper()
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			conn, err := tls.Dial("tcp", c.ln.Addr().String(), c.config)
			if err != nil {
				return err
			}
			defer conn.Close()
			f, err := os.Open(from)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.CopyBuffer(struct{ io.Writer }{conn}, io.TeeReader(f, sha256.New()), make([]byte, 64<<10))
			return err
		}()
	}()
	conn, err := c.ln.Accept()
	must(b, err)
	defer conn.Close()
	f, err := os.Create(to)
	must(b, err)
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, io.TeeReader(conn, sha256.New()), make([]byte, 64<<10))
	must(b, err)
	must(b, f.Sync())
	must(b, f.Close())
	must(b, <-sent)
}
