package logroute

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
)

// pair is a self-signed certificate and its key, in PEM.
func pair(t *testing.T, key crypto.Signer, signature x509.SignatureAlgorithm) provider.TLS {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), SignatureAlgorithm: signature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return provider.TLS{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0") // a key that is too short is what this is about
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func curveKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAClientCertificateThatOpenSSLRefusesIsLeftOut(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	legacy := rsaKey(t, 2048)
	traditional := pair(t, legacy, x509.SHA256WithRSA)
	private, ok := legacy.(*rsa.PrivateKey)
	if !ok {
		t.Fatal("no RSA key")
	}
	traditional.Key = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	for name, tc := range map[string]struct {
		tls  provider.TLS
		good bool
	}{
		"RSA 2048":           {traditional, true},
		"ECDSA P-256":        {pair(t, curveKey(t, elliptic.P256()), 0), true},
		"ECDSA P-384":        {pair(t, curveKey(t, elliptic.P384()), 0), true},
		"Ed25519":            {pair(t, edwards, 0), true},
		"a short RSA key":    {pair(t, rsaKey(t, 1024), x509.SHA256WithRSA), false},
		"another curve":      {pair(t, curveKey(t, elliptic.P224()), 0), false},
		"a key of another":   {provider.TLS{Certificate: traditional.Certificate, Key: pair(t, edwards, 0).Key}, false},
		"a broken chain":     {provider.TLS{Certificate: append(slices.Clone(traditional.Certificate), broken()...), Key: traditional.Key}, false},
		"a signature of SHA": {sha1(t), false},
	} {
		b := elasticsearch("team-a", "logs", v1alpha1.LogCollection{})
		b.Endpoint.TLS = tc.tls
		for _, collector := range both() {
			out, err := Compile(with(collector, []Backend{b}), options())
			if err != nil {
				t.Fatal(err)
			}
			if p := out.Problems[b.Name]; (p == nil) != tc.good || (p != nil && p.Reason != v1alpha1.ReasonInvalidSecret) {
				t.Errorf("%s by %s: got %+v, want good %t", name, collector, p, tc.good)
			}
			if !tc.good {
				continue
			}
			key := out.Collectors[collector].Secrets[identity(&b)+".tls.key"]
			if block, rest := pem.Decode(key); block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
				t.Errorf("%s by %s: the key is not in the form that all collectors read", name, collector)
			}
		}
	}
}

// broken is a block that Go finds and OpenSSL cannot parse.
func broken() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")})
}

// sha1 is a certificate whose signature is of SHA-1: Go verifies none, but takes it as one's own.
func sha1(t *testing.T) provider.TLS {
	t.Helper()
	out := pair(t, rsaKey(t, 2048), x509.SHA256WithRSA)
	block, _ := pem.Decode(out.Certificate)
	// sha256WithRSAEncryption and sha1WithRSAEncryption differ in the last byte of their identifier.
	before, after := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05}
	out.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: bytes.ReplaceAll(block.Bytes, before, after)})
	return out
}

func TestOnlyCertificatesOfABundleReachACollector(t *testing.T) {
	good := ca(t, 0)
	key := pair(t, curveKey(t, elliptic.P256()), 0).Key
	headers := []byte(strings.Replace(string(good), "-----\n", "-----\nA: b\n\n", 1))
	bundle := bytes.Join([][]byte{[]byte("# comment\n"), broken(), good, key, headers, good, []byte("-----BEGIN CERTIFICATE-----\n")}, nil)
	b := elasticsearch("team-a", "logs", v1alpha1.LogCollection{})
	b.Endpoint.TLS = provider.TLS{CA: bundle}
	for _, collector := range both() {
		got := compiled(t, collector, []Backend{b}).Secrets[identity(&b)+".ca.crt"]
		if !bytes.Equal(got, good) {
			t.Errorf("%s gets\n%s", collector, got)
		}
	}
}
