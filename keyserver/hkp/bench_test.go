package hkp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/cputime"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/keyserver/hkp"
	"github.com/omega-im/omega/keyserver/pebble"
	"github.com/omega-im/omega/pgp"
)

// envServe has the test program be the server under measurement, on the store in
// that folder: a process of its own, whose processor time is its own.
const envServe = "OMEGA_BENCH_KEYS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envServe); dir != "" {
		if err := serveBench(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBench serves the store, and beside it the floor: the same octets, out of a
// map, by net/http and nothing else. It ends with its standard input.
func serveBench(dir string) error {
	store, err := pebble.Open(pebble.Config{Dir: dir, Reserve: -1})
	if err != nil {
		return err
	}
	defer store.Close()
	keys, err := keyserver.New(keyserver.Config{Store: store})
	if err == nil {
		err = keys.Load(context.Background())
	}
	if err != nil {
		return err
	}
	started := time.Now()
	hurried := func() time.Time { return started.Add(10_000 * time.Since(started)) } // rations are another test
	h, err := hkp.New(hkp.Config{Find: keys.Find, Plain: keys.Plain, Changed: keys.Changed, Metrics: keys.Metrics, Update: updater(keys), Clock: hurried})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	h.Register(mux)
	mux.HandleFunc("GET /cpu", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, int64(cputime.Used())) })
	floor := map[string][]byte{}
	mux.HandleFunc("PUT /floor", func(_ http.ResponseWriter, r *http.Request) { json.NewDecoder(r.Body).Decode(&floor) })
	mux.HandleFunc("GET /floor", func(w http.ResponseWriter, r *http.Request) { w.Write(floor[r.URL.Query().Get("search")]) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go http.Serve(ln, mux)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func updater(keys *keyserver.Server) func(context.Context, omega.Fingerprint, []byte) (bool, error) {
	return func(ctx context.Context, fp omega.Fingerprint, own []byte) (bool, error) {
		_, changed, err := keys.Update(ctx, fp, own)
		return changed, err
	}
}

// A population is what the server holds.
type population struct {
	accounts []*account
	host     string
}

// populate registers accounts in a store on this machine's disk and starts a
// server on it.
func populate(b *testing.B, n int) *population {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "keys")
	store, err := pebble.Open(pebble.Config{Dir: dir, Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	keys, err := keyserver.New(keyserver.Config{Store: store})
	if err != nil {
		b.Fatal(err)
	}
	p := &population{accounts: make([]*account, n)}
	each(64, n, func(i int) {
		s := &service{server: &server{t: nil}, keys: keys, clock: time.Now}
		p.accounts[i] = benchAccount(b, s, 1)
		e := keyserver.Entry{Certificate: p.accounts[i].cert}
		if _, _, err := keys.Accept(b.Context(), keyserver.FromServer, e.Wire()); err != nil {
			b.Error(err)
		}
	})
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	p.start(b, dir)
	return p
}

// each calls f for 0 to n-1 on so many goroutines.
func each(workers, n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

func benchAccount(b *testing.B, s *service, devices int) *account {
	primary, err := pgp.GenerateSigning(rand.Reader, s.made())
	if err != nil {
		b.Error(err)
		return nil
	}
	a := &account{s: s, primary: primary}
	if a.cert, err = pgp.NewCertificate(b.Context(), primary, time.Time{}, s.made()); err != nil {
		b.Error(err)
	}
	for range devices {
		dev, err := pgp.GenerateDevice(rand.Reader, "device", s.made())
		if err != nil {
			b.Error(err)
		}
		a.devices = append(a.devices, dev)
		rename(b, a, 0, s.made())
	}
	return a
}

// rename gives an account's last device another name: the smallest change that
// an owner makes.
func rename(b *testing.B, a *account, n int, at time.Time) {
	dev := a.devices[len(a.devices)-1]
	dev.Name = fmt.Sprint("device ", n)
	req, err := dev.Request(b.Context(), a.primary.Public(), at)
	if err == nil {
		a.cert, err = pgp.AddDevice(b.Context(), a.primary, a.cert, req, at)
	}
	if err != nil {
		b.Error(err)
	}
}

func (p *population) start(b *testing.B, dir string) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envServe+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p.host = strings.TrimSpace(line)
}

// cpu is the processor time that the server has used.
func (p *population) cpu(b *testing.B) time.Duration {
	b.Helper()
	resp, err := http.Get("http://" + p.host + "/cpu")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(n)
}

// BenchmarkLookup is real HTTP over loopback from a store on disk with ten times
// as many accounts as fit into memory, of which most look-ups are for a tenth
// (as people look up), or for any. The floor serves the same octets.
func BenchmarkLookup(b *testing.B) {
	const accounts = 10_000
	p := populate(b, accounts)
	floor := map[string][]byte{}
	var gets, binary [][]byte
	for _, a := range p.accounts {
		floor["0x"+a.fp().String()] = []byte(a.cert.Armor())
		gets = append(gets, get(p.host, "/pks/lookup?op=get&options=mr&search=0x"+a.fp().String()))
		binary = append(binary, get(p.host, "/pks/v2/certs/by-vfingerprint/04"+a.fp().String()))
	}
	body, _ := json.Marshal(floor)
	put, err := http.NewRequest(http.MethodPut, "http://"+p.host+"/floor", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(put); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(err)
	}
	often := func(list [][]byte) func(int) []byte {
		return func(int) []byte {
			if mathrand.IntN(10) > 0 {
				return list[mathrand.IntN(accounts/20)]
			}
			return list[mathrand.IntN(accounts)]
		}
	}
	anyOf := func(list [][]byte) func(int) []byte { return func(int) []byte { return list[mathrand.IntN(accounts)] } }
	for _, conns := range []int{1, 16} {
		b.Run(fmt.Sprintf("armored/%d", conns), func(b *testing.B) { p.load(b, conns, "lookup", often(gets)) })
		b.Run(fmt.Sprintf("armored-uniform/%d", conns), func(b *testing.B) { p.load(b, conns, "lookup", anyOf(gets)) })
		b.Run(fmt.Sprintf("binary/%d", conns), func(b *testing.B) { p.load(b, conns, "lookup", often(binary)) })
		b.Run(fmt.Sprintf("floor/%d", conns), func(b *testing.B) {
			p.load(b, conns, "lookup", func(int) []byte {
				return get(p.host, "/floor?search=0x"+p.accounts[mathrand.IntN(accounts)].fp().String())
			})
		})
	}
}

func get(host, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
}

// BenchmarkSubmit renews certificates by POST /pks/add: each is verified, merged
// and on stable storage before it is answered.
func BenchmarkSubmit(b *testing.B) {
	const accounts = 5_000
	p := populate(b, accounts)
	turn := 0
	for _, conns := range []int{1, 64} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			at := time.Now().Truncate(time.Second)
			posts := make([][]byte, b.N)
			each(2, min(b.N, accounts), func(first int) {
				for i := first; i < b.N; i += accounts {
					a := p.accounts[(turn+i)%accounts]
					rename(b, a, turn+i, at)
					posts[i] = post(p.host, a.cert.Armor())
				}
			})
			turn += b.N
			p.load(b, conns, "submission", func(i int) []byte { return posts[i] })
		})
	}
}

func post(host, keytext string) []byte {
	form := url.Values{"keytext": {keytext}}.Encode()
	return fmt.Appendf(nil, "POST /pks/add HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", host, len(form), form)
}
