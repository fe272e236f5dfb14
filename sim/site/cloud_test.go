package site

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/directory"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

// A place is where a made-up server stands.
type place struct {
	name     string
	lat, lon float64
}

var places = []place{
	{"台北", 25.03, 121.56}, {"新竹", 24.81, 120.97}, {"台中", 24.15, 120.67}, {"台南", 22.99, 120.20}, {"高雄", 22.63, 120.30},
	{"花蓮", 23.98, 121.60}, {"台東", 22.76, 121.14}, {"澎湖", 23.57, 119.58}, {"Tokyo", 35.68, 139.69}, {"Seoul", 37.57, 126.98},
	{"Singapore", 1.35, 103.82}, {"Frankfurt", 50.11, 8.68}, {"Amsterdam", 52.37, 4.90}, {"San José", 37.34, -121.89}, {"New York", 40.71, -74.01},
}

var birds = []string{
	"黃山雀", "藍腹鷴", "帝雉", "台灣噪眉", "冠羽畫眉", "白耳畫眉", "紋翼畫眉", "黃胸藪眉", "小彎嘴", "大彎嘴", "繡眼畫眉", "火冠戴菊鳥",
	"栗背林鴝", "台灣叢樹鶯", "烏頭翁", "五色鳥", "台灣藍鵲", "台灣山鷓鴣", "台灣竹雞", "台灣紫嘯鶇", "赤腹山雀", "台灣朱雀", "褐頭花翼", "岩鷚",
}

// madeUp is a cloud that does not exist: servers with everything that can be
// wrong with one, from a seed.
type madeUp struct {
	rng      *rand.Rand
	now      time.Time
	id       *pgp.Identity // of the server that shows the pages
	topology *mesh.Topology
	at       []place
}

func newMadeUp(t *testing.T, n int, now time.Time) *madeUp {
	t.Helper()
	m := &madeUp{id: newIdentity(t, now), rng: rand.New(rand.NewPCG(uint64(n), 7)), now: now, topology: &mesh.Topology{States: map[omega.Fingerprint]mesh.ServerState{}}}
	for i := range n {
		m.add(i)
	}
	m.link()
	slices.SortFunc(m.topology.Servers, func(a, b *mesh.Record) int { return a.Server.Compare(b.Server) })
	m.judge()
	m.report()
	return m
}

func (m *madeUp) add(i int) {
	digest := make([]byte, 20)
	for k := range digest {
		digest[k] = byte(m.rng.Uint32())
	}
	fp, err := omega.FingerprintV4(digest)
	if err != nil {
		panic(err) // 20 octets are one
	}
	if i == 0 {
		fp = m.id.Account()
	}
	p := places[m.rng.IntN(len(places))]
	name := birds[i%len(birds)]
	if i >= len(birds) {
		name += fmt.Sprint(" ", i/len(birds)+1)
	}
	a := &mesh.Announcement{
		Server: fp, Issued: m.now.Add(-time.Duration(m.rng.IntN(50)) * time.Minute), Flags: mesh.FlagTransit, Registration: mesh.RegistrationOpen,
		Load: uint16(m.rng.IntN(600)), Users: uint32(m.rng.IntN(90)) * 10, Client: fmt.Sprintf("s%d.example.tw:7000", i), Peer: fmt.Sprintf("s%d.example.tw:7001", i),
		HTTP: fmt.Sprintf("https://s%d.example.tw", i), Name: name, Operator: fmt.Sprint("合作社 ", i/3+1), Site: p.name, Version: "v1.4.0",
	}
	state := mesh.Full
	switch i % 40 {
	case 7:
		state = mesh.Unreachable
	case 11:
		state, a.Flags = mesh.Leaf, mesh.FlagNAT
	case 17:
		state = mesh.Probationary
	case 23:
		state = mesh.Degraded
	case 29:
		a.Registration, a.Version = mesh.RegistrationClosed, "v1.3.2"
	}
	m.topology.Servers = append(m.topology.Servers, &mesh.Record{Announcement: a})
	m.topology.States[fp] = state
	m.at = append(m.at, p)
}

// link gives every server its links as they join: two near ones, two at random.
func (m *madeUp) link() {
	list := m.topology.Servers
	for i := 1; i < len(list); i++ {
		if m.topology.States[list[i].Server] == mesh.Unreachable {
			continue
		}
		var near []int
		for j := range i {
			if m.topology.States[list[j].Server] == mesh.Full {
				near = append(near, j)
			}
		}
		slices.SortStableFunc(near, func(a, b int) int { return int(m.rtt(i, a) - m.rtt(i, b)) })
		chosen := map[int]bool{}
		for k, j := range near {
			if k < 2 || len(near) <= 4 {
				chosen[j] = true
			}
		}
		for len(chosen) < min(4, len(near)) {
			chosen[near[m.rng.IntN(len(near))]] = true
		}
		for _, j := range near {
			if chosen[j] {
				m.topology.Links = append(m.topology.Links, mesh.Edge{A: list[i].Server, B: list[j].Server, RTT: m.rtt(i, j)})
			}
		}
	}
	for k, e := range m.topology.Links {
		if e.A.Compare(e.B) > 0 {
			m.topology.Links[k] = mesh.Edge{A: e.B, B: e.A, RTT: e.RTT}
		}
	}
}

// rtt is the great circle at two thirds of the speed of light, and a last mile.
func (m *madeUp) rtt(i, j int) time.Duration {
	a, b := m.at[i], m.at[j]
	rad := math.Pi / 180
	h := math.Pow(math.Sin((b.lat-a.lat)*rad/2), 2) + math.Cos(a.lat*rad)*math.Cos(b.lat*rad)*math.Pow(math.Sin((b.lon-a.lon)*rad/2), 2)
	km := 2 * 6371 * math.Asin(math.Sqrt(h))
	return time.Duration(km/100*1.5*float64(time.Millisecond)) + time.Duration(900+(i*37+j*91)%1500)*time.Microsecond
}

func (m *madeUp) judge() {
	t := m.topology
	var full []omega.Fingerprint
	for _, r := range t.Servers {
		if t.States[r.Server] == mesh.Full {
			full = append(full, r.Server)
		}
	}
	g := mesh.NewGraph(full, t.Links, nil)
	t.State, t.Cuts, t.MinDegree, t.Connectivity, t.Components = mesh.StateStrict, g.Cuts(m.rng.Uint64), g.MinDegree(), g.Connectivity(), 1
	t.Links = mesh.NewGraph(servers(t), t.Links, nil).Edges()
}

func servers(t *mesh.Topology) (out []omega.Fingerprint) {
	for _, r := range t.Servers {
		out = append(out, r.Server)
	}
	return out
}

// report writes what every server measured into its extension, octet by octet as
// spec/directory.md has it (DIR-3). In a small cloud all measure all.
func (m *madeUp) report() {
	list := m.topology.Servers
	subjects := slices.Clone(list)
	slices.SortFunc(subjects, func(a, b *mesh.Record) int { return slices.Compare(a.Server.Digest(), b.Server.Digest()) })
	for _, prober := range list {
		var rows []byte
		n := 0
		for k, s := range subjects {
			if s == prober || n == 49 || m.topology.States[s.Server] == mesh.Unreachable && n%2 == 0 {
				continue
			}
			rtt, answers := uint16(20+k*7%900+m.rng.IntN(40)), byte(10)
			if m.topology.States[s.Server] == mesh.Unreachable || m.rng.IntN(60) == 0 {
				rtt, answers = 0, 0
			}
			rows = append(rows, s.Server.Digest()[:6]...)
			rows = append(binary.BigEndian.AppendUint16(rows, rtt), 10, answers)
			n++
		}
		b := binary.BigEndian.AppendUint16([]byte{1}, uint16(5+len(rows)))
		b = binary.BigEndian.AppendUint32(b, uint32(m.now.Unix()/3600))
		prober.Extension = append(append(b, byte(n)), rows...)
	}
}

// memory is the past of all servers, in the layout of directory/memory.go: some
// were away for an hour, some for days, and the youngest are two weeks old.
func (m *madeUp) memory() []byte {
	b := []byte("omega-im/directory/v1\n")
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.topology.Servers)))
	now := m.now.Unix()
	for i, r := range m.topology.Servers {
		age := int64(14+m.rng.IntN(200)) * 86400
		state := byte(1)
		if m.topology.States[r.Server] == mesh.Unreachable {
			state = 2
		}
		b = append(r.Server.AppendTo(b), state)
		for _, t := range []int64{now - age, now, now} {
			b = binary.BigEndian.AppendUint64(b, uint64(t))
		}
		b = append(append(b, byte(len(r.Name))), r.Name...)
		cell := func(up, total int) {
			b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, uint16(up)), uint16(total))
		}
		for h := range int64(25) { // slot h is the hour of which the number is h modulo 25
			up := 12
			if hour := (now/3600 - h) % 25; i%9 == 4 && hour < 3 || state == 2 && hour < 5 {
				up = int(hour) * 3
			}
			cell(up, 12)
		}
		for d := range int64(90) {
			ago := ((now/86400-d)%90 + 90) % 90
			switch {
			case ago*86400 > age:
				cell(0, 0)
			case i%7 == 3 && ago == 20 || i%13 == 5 && ago > 40 && ago < 44:
				cell(90, 288)
			default:
				cell(288, 288)
			}
		}
	}
	return binary.BigEndian.AppendUint16(b, 0)
}

// serve puts up the web site of the cloud's first server until the test ends and
// returns its URL.
func (m *madeUp) serve(t *testing.T) string {
	t.Helper()
	d, err := directory.New(directory.Config{
		Identity: m.id, Topology: func() *mesh.Topology { return m.topology }, Clock: func() time.Time { return m.now },
		Load: func() ([]byte, error) { return m.memory(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	d.Register(mux)
	return listen(t, mux)
}

// listen serves h on loopback until the test ends.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Close(); <-done })
	return "http://" + ln.Addr().String()
}

func newIdentity(t *testing.T, now time.Time) *pgp.Identity {
	t.Helper()
	random, then := rand.NewChaCha8([32]byte{9}), now.Add(-time.Hour)
	ctx := context.Background()
	primary, err := pgp.GenerateSigning(random, then)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, then)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := pgp.GenerateDevice(random, "server", then)
	if err != nil {
		t.Fatal(err)
	}
	req, err := dev.Request(ctx, primary.Public(), then)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = pgp.AddDevice(ctx, primary, cert, req, then); err != nil {
		t.Fatal(err)
	}
	id, err := pgp.NewIdentity(cert, dev)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
