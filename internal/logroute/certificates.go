package logroute

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// certificates of a route, in the one form that every collector reads: OpenSSL, which both use, fails for a block that Go skips, and
// refuses keys and signatures that Go takes. Vector would not start for any route.
type certificates struct{ ca, certificate, key []byte }

// checkTLS keeps one broken certificate from keeping a collector, and so every backend, from starting.
func (r *route) checkTLS(Options) *problem.Problem {
	settings := r.Endpoint.TLS
	if name := settings.ServerName; name != "" && !hostName().MatchString(name) {
		return invalid("spec.tls.serverName is not a host name")
	}
	if err := provider.CheckTLS(r.Endpoint); err != nil {
		if p := problem.As(err); p != nil {
			return p
		}
		return problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "the certificates of spec.tls are not valid")
	}
	if len(settings.CA) > 0 {
		if r.pem.ca = authorities(settings.CA); len(r.pem.ca) == 0 {
			return problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "spec.tls.ca contains no certificate in PEM form")
		}
	}
	if len(settings.Certificate) == 0 {
		return nil
	}
	return r.checkClient(settings)
}

// authorities are the certificates of a bundle without doubles and without what is none, as tls.Config takes them.
func authorities(bundle []byte) []byte {
	var out []byte
	seen := map[string]bool{}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 || seen[string(block.Bytes)] {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			continue
		}
		seen[string(block.Bytes)] = true
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	return out
}

// checkClient holds a client certificate to what OpenSSL accepts by default.
func (r *route) checkClient(settings provider.TLS) *problem.Problem {
	refused := func(why string) *problem.Problem {
		return problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "the certificate of spec.tls cannot be used by a collector: %s; "+
			"issue one with SHA-256 and a key of RSA 2048, ECDSA P-256 or more", why)
	}
	pair, err := tls.X509KeyPair(settings.Certificate, settings.Key)
	if err != nil {
		return refused("tls.crt and tls.key do not match") // checked before
	}
	for _, der := range pair.Certificate {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return refused("a certificate of its chain is not valid")
		}
		if !slices.Contains(signatures(), certificate.SignatureAlgorithm) {
			return refused("it or its chain is signed with " + certificate.SignatureAlgorithm.String())
		}
		if !strong(certificate.PublicKey) {
			return refused("it or its chain has a key that is too short or of another type")
		}
		r.pem.certificate = append(r.pem.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return refused("its key is of another type")
	}
	r.pem.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return nil
}

func signatures() []x509.SignatureAlgorithm {
	return []x509.SignatureAlgorithm{
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS,
		x509.SHA512WithRSAPSS, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519,
	}
}

func strong(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return true
	default:
		return false
	}
}
