package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"time"
)

// newLeaf makes the TLS key and certificate of one process. Nobody verifies
// the certificate: the server's OpenPGP signature names its key. ECDSA over
// P-256 is what every TLS library takes and costs little.
func newLeaf(rand io.Reader, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make TLS key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "omega"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make TLS certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make TLS certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// serverTLS has no session tickets: ours resume the session above, and theirs
// would save little (the key exchange is done anyway) and be one more key that
// past sessions hang on. Records are always as large as what is written, as
// small ones at the start would cost one system call each.
func serverTLS(leaf tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates:                []tls.Certificate{leaf},
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{ALPNClient, ALPNPeer, ALPNBulk},
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}
}

// clientTLS does not verify the server's chain: the hello that follows is
// signed by the server's OpenPGP key over this TLS key and this TLS session.
func clientTLS(alpn, name string) *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{alpn},
		ServerName:                  name,
		InsecureSkipVerify:          true,
		DynamicRecordSizingDisabled: true,
	}
}
