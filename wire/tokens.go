package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
)

// TokensLabel starts what a TokenList's signature covers.
const TokensLabel = "omega-im/tokens/v1\n"

// A TokenList is all delivery tokens of an account that are in force, as a device of
// it tells one home. (spec/delivery.md, DELIV-45)
//
//	u8 version (1) | fp home | fp user | fp device | u64 made, ms
//	| u16 n | n × 16 token, ascending | signature
type TokenList struct {
	Home   omega.Fingerprint
	User   omega.Fingerprint
	Device omega.Fingerprint // that signs
	Made   time.Time         // the latest one stands
	Tokens []omega.Token     // ascending, each once; at most omega.MaxTokens
	Sig    Signature
}

func (l *TokenList) appendFields(b []byte) []byte {
	b = l.Device.AppendTo(l.User.AppendTo(l.Home.AppendTo(append(b, 1))))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Made.UnixMilli()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Tokens)))
	for _, t := range l.Tokens {
		b = append(b, t[:]...)
	}
	return b
}

// Signed returns what the signature covers.
func (l *TokenList) Signed() []byte { return l.appendFields([]byte(TokensLabel)) }

// Bytes returns the wire form.
func (l *TokenList) Bytes() []byte { return l.Sig.appendTo(l.appendFields(nil)) }

// DecodeTokenList reads the body of TypeTokenPut. It does not judge the signature.
func DecodeTokenList(b []byte) (*TokenList, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("list of tokens: version %d", v)
	}
	l := &TokenList{Home: r.fp(), User: r.fp(), Device: r.fp(), Made: r.ms()}
	n := int(r.u16())
	if n > omega.MaxTokens || n*omega.TokenSize > len(r.b) {
		return nil, malformed("list of %d tokens, at most %d", n, omega.MaxTokens)
	}
	var last omega.Token // zero is none
	for range n {
		var t omega.Token
		copy(t[:], r.take(omega.TokenSize))
		if string(t[:]) <= string(last[:]) {
			return nil, malformed("list of tokens: out of order")
		}
		l.Tokens, last = append(l.Tokens, t), t
	}
	l.Sig = r.signature()
	return l, r.end("list of tokens")
}

// HashTokens names a list of tokens in order: the first 16 octets of SHA-256 over a
// label and the tokens.
func HashTokens(tokens []omega.Token) (hash [16]byte) {
	h := sha256.New()
	h.Write([]byte(TokensLabel))
	for _, t := range tokens {
		h.Write(t[:])
	}
	copy(hash[:], h.Sum(nil))
	return hash
}

// A TokenLook asks a home which list of tokens is in force.
//
//	fp home | fp user | fp device
type TokenLook struct{ Home, User, Device omega.Fingerprint }

// AppendTokenLook appends the body of TypeTokenLook.
func AppendTokenLook(b []byte, l TokenLook) []byte {
	return l.Device.AppendTo(l.User.AppendTo(l.Home.AppendTo(b)))
}

// DecodeTokenLook reads the body of TypeTokenLook.
func DecodeTokenLook(b []byte) (TokenLook, error) {
	r := reader{b: b}
	l := TokenLook{r.fp(), r.fp(), r.fp()}
	return l, r.end("question about tokens")
}

// A TokenState says which list of tokens is in force at a home.
//
//	u64 made, ms; 0: there is none | 16 hash
type TokenState struct {
	Made time.Time // the Unix epoch when there is none
	Hash [16]byte  // HashTokens
}

// AppendTokenState appends the body of TypeTokenState.
func AppendTokenState(b []byte, s TokenState) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(s.Made.UnixMilli())), s.Hash[:]...)
}

// DecodeTokenState reads the body of TypeTokenState.
func DecodeTokenState(b []byte) (TokenState, error) {
	r := reader{b: b}
	s := TokenState{Made: r.ms()}
	copy(s.Hash[:], r.take(len(s.Hash)))
	return s, r.end("state of tokens")
}
