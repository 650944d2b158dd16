package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Certificate for a server, and the CA that signed it, all in PEM.
type Certificate struct {
	CA, Certificate, Key []byte
}

// NewCertificate makes a CA of its own and a certificate for 127.0.0.1, localhost and the addresses, which is valid for a day.
func NewCertificate(t testing.TB, addresses ...net.IP) *Certificate {
	t.Helper()
	return newCertificate(t, []string{"localhost"}, append([]net.IP{net.IPv4(127, 0, 0, 1)}, addresses...))
}

// NewHostCertificate is NewCertificate for host names.
func NewHostCertificate(t testing.TB, hosts ...string) *Certificate {
	t.Helper()
	return newCertificate(t, hosts, nil)
}

func newCertificate(t testing.TB, hosts []string, addresses []net.IP) *Certificate {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	caKey, serverKey := key(), key()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: from, NotAfter: until,
		DNSNames: hosts, IPAddresses: addresses,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signed := func(template *x509.Certificate, public *ecdsa.PublicKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, ca, public, caKey)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	der, err := x509.MarshalECPrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	return &Certificate{
		CA: signed(ca, &caKey.PublicKey), Certificate: signed(server, &serverKey.PublicKey),
		Key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
	}
}
