package cabundle

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// certificate is a certificate in PEM that ends at a time.
func certificate(t testing.TB, ends time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.Add(-time.Hour), NotAfter: ends, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestTheEndOfABundleIsThatOfItsLastCertificate(t *testing.T) {
	early := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	late := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	key := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte("x")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	for name, tc := range map[string]struct {
		bundle []byte
		want   Bundle
	}{
		"none": {nil, Bundle{}},
		"one":  {certificate(t, early), Bundle{Certificates: 1, Ends: early, Lifetime: time.Hour}},
		"two": {bytes.Join([][]byte{certificate(t, late), certificate(t, early)}, nil),
			Bundle{Certificates: 2, Ends: late, Lifetime: time.Hour}},
		"with other parts": {bytes.Join([][]byte{key, broken, certificate(t, early)}, nil),
			Bundle{Certificates: 1, Ends: early, Lifetime: time.Hour}},
		"none that parses": {broken, Bundle{Malformed: true}},
		"no PEM":           {[]byte("Cg=="), Bundle{Malformed: true}},
	} {
		if got := Read(tc.bundle); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestAHugeBundleIsBounded(t *testing.T) {
	one := certificate(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if got := Read(bytes.Repeat(one, 10_000)); got.Certificates != maxCertificates {
		t.Errorf("%d certificates", got.Certificates)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(certificate(f, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		if b := Read(bundle); b.Malformed && b.Certificates > 0 || b.Certificates == 0 && !b.Ends.IsZero() {
			t.Errorf("%+v", b)
		}
	})
}
