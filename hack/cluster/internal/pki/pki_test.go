package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestIssue(t *testing.T) {
	ca, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.Certificate)
	tests := []struct {
		name           string
		id             Identity
		server, client bool
		host           string
	}{
		{"client", Identity{Name: "system:node:a", Groups: []string{"system:nodes"}}, false, true, ""},
		{"server by address", Identity{Name: "etcd", Hosts: []string{"127.0.0.1"}}, true, true, "127.0.0.1"},
		{"server by name", Identity{Name: "api", Hosts: []string{"kubernetes.default.svc"}}, true, true, "kubernetes.default.svc"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := ca.Issue(test.id)
			if err != nil {
				t.Fatal(err)
			}
			both, err := tls.X509KeyPair(p.Certificate, p.Key)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(both.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if leaf.Subject.CommonName != test.id.Name || len(leaf.Subject.Organization) != len(test.id.Groups) {
				t.Errorf("subject %v", leaf.Subject)
			}
			usages := map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageServerAuth: test.server, x509.ExtKeyUsageClientAuth: test.client}
			for usage, want := range usages {
				_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: test.host, KeyUsages: []x509.ExtKeyUsage{usage}})
				if (err == nil) != want {
					t.Errorf("usage %v: want %v, got %v", usage, want, err)
				}
			}
		})
	}
}

func TestWriteKeepsKeysPrivate(t *testing.T) {
	p, err := SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pki", "sa")
	if err := p.Write(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}
