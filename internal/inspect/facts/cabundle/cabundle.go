// Package cabundle reads when the certificates of a caBundle end: those that the API server trusts when it calls a webhook or an
// aggregated API.
package cabundle

import (
	"crypto/x509"
	"encoding/pem"
	"time"
)

const (
	// maxBytes and maxCertificates of a bundle are read.
	maxBytes        = 256 << 10
	maxCertificates = 50
)

// Bundle is a caBundle; the zero value is an empty one, with which the roots of the system are trusted.
type Bundle struct {
	// Certificates that could be parsed.
	Certificates int
	// Malformed is set if the bundle is not empty and no certificate in it could be parsed.
	Malformed bool
	// Ends is when the last of them ends: from then on, no server can be verified. Lifetime is how long that one is valid.
	Ends     time.Time
	Lifetime time.Duration
}

// Read reads a bundle in PEM. What is not a certificate is ignored, as the API server does.
func Read(bundle []byte) Bundle {
	var b Bundle
	rest := bundle[:min(len(bundle), maxBytes)]
	for range maxCertificates {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		b.Certificates++
		if certificate.NotAfter.After(b.Ends) {
			b.Ends = certificate.NotAfter
			b.Lifetime = certificate.NotAfter.Sub(certificate.NotBefore)
		}
	}
	b.Malformed = b.Certificates == 0 && len(bundle) > 0
	return b
}
