package transport

import (
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/omega-im/omega/spec"
	"github.com/omega-im/omega/wire"
)

var update = flag.Bool("update", false, "write spec/vectors/handshake.json anew")

// vectors computes every value of the handshake from fixed inputs.
func vectors(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	put := func(name string, b []byte) { out[name] = hex.EncodeToString(b) }
	msgs := examples()
	for i, d := range decoders {
		if d.name != "ticket" && d.name != "sealed ticket" { // these have no meaning to others
			put(d.name, msgs[i])
		}
	}
	put("magic word", Magic[:])
	overTLS := &binding{mode: ModeExporter, spki: [32]byte{0x51}, exporter: [32]byte{0xe7}}
	server := ephemeral(t, 1)
	overWS := &binding{mode: ModeTerminated, ephemeral: server}
	client := ephemeral(t, 2)
	hello, err := decodeServerHello(msgs[0])
	if err != nil {
		t.Fatal(err)
	}
	put("server hello, signed in mode 1", hello.signed(overTLS))
	put("server hello, signed in mode 2", hello.signed(overWS))
	put("X25519 secret of the server", server.Bytes())
	put("X25519 key of the client", client.PublicKey().Bytes())

	secret := [32]byte{0xc1}
	put("client nonce", secret[:])
	for mode, bind := range map[string]*binding{"mode 1": overTLS, "mode 2": overWS} {
		tr := newTranscript()
		helloHash := tr.add(wire.TypeServerHello, msgs[0])
		tr.add(wire.TypeAuth, msgs[1])
		var peer []byte
		if bind == overWS {
			peer = client.PublicKey().Bytes()
		}
		shared, err := bind.shared(peer)
		if err != nil {
			t.Fatal(err)
		}
		k, err := deriveKeys(tr.sum(bind), secret, shared, bind.mode)
		if err != nil {
			t.Fatal(err)
		}
		put(mode+": transcript", tr.sum(bind))
		put(mode+": welcome-key", k.welcome[:])
		put(mode+": ticket-secret", k.resume[:])
		w, _ := decodeWelcome(msgs[4])
		proof := w.sum(k.welcome)
		put(mode+": proof in the welcome", proof[:])
		r, _ := decodeResume(msgs[3])
		mac := r.sum(k.resume, helloHash, bind)
		put(mode+": MAC in the resume", mac[:])
		if bind == overTLS {
			continue
		}
		put(mode+": client-to-server", k.toServer[:])
		put(mode+": server-to-client", k.toClient[:])
		rec, err := newRecord(&k.toServer)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"first record", "second record"} {
			b, err := rec.seal(nil, wire.AppendFrame(nil, wire.TypePing, 1, []byte("ping")))
			if err != nil {
				t.Fatal(err)
			}
			put(mode+": "+name, b)
		}
	}
	return out
}

func ephemeral(t *testing.T, fill byte) *ecdh.PrivateKey {
	t.Helper()
	var b [32]byte
	b[5] = fill
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVectors(t *testing.T) {
	got := vectors(t)
	const file = "vectors/handshake.json"
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../spec/"+file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := spec.Vectors.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s = %s, want %s", name, got[name], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d values, the vectors have %d", len(got), len(want))
	}
}
