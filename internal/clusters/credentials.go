package clusters

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math"
	"strings"
	"time"
)

// Types of credentials, as the status of a ManagedCluster shows them.
const (
	// CredentialToken is a bearer token.
	CredentialToken = "Token"
	// CredentialCertificate is a client certificate.
	CredentialCertificate = "ClientCertificate"
	// CredentialServiceAccount is the ServiceAccount of a namespace of the cluster that the manager runs in.
	CredentialServiceAccount = "ServiceAccount"
)

const (
	// shortLived credentials are renewed all the time; a warning would never end.
	shortLived = 2 * time.Hour
	// The warning about credentials that expire begins when a fifth of their life is left, within these bounds.
	minWarning = 24 * time.Hour
	maxWarning = 30 * 24 * time.Hour
)

// Validity is the time within which credentials are valid. Unknown times are zero.
type Validity struct {
	From, Until time.Time
}

// Validity of the credentials: notBefore and notAfter of the client certificate, or iat and exp of the token if it is a JSON Web Token,
// whose signature only the API server can judge.
func (a Access) Validity() Validity {
	if block, _ := pem.Decode(a.TLS.Certificate); block != nil {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			return Validity{certificate.NotBefore, certificate.NotAfter}
		}
		return Validity{}
	}
	parts := strings.Split(a.Token, ".")
	if len(parts) != 3 {
		return Validity{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Validity{}
	}
	var claims struct {
		IssuedAt  float64 `json:"iat"`
		ExpiresAt float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return Validity{}
	}
	return Validity{fromSeconds(claims.IssuedAt), fromSeconds(claims.ExpiresAt)}
}

// fromSeconds is a NumericDate of RFC 7519; zero for one that no one means.
func fromSeconds(seconds float64) time.Time {
	const year9999 = 253402300799
	if math.IsNaN(seconds) || seconds <= 0 || seconds > year9999 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// Expiring reports whether the credentials expire soon: a fifth of their life is left, at least a day and at most 30 days. Those that live
// for less than two hours are renewed by someone, and only count when they have expired.
func (v Validity) Expiring(now time.Time) bool {
	if v.Until.IsZero() {
		return false
	}
	left := v.Until.Sub(now)
	if v.From.IsZero() || !v.From.Before(v.Until) {
		return left <= minWarning
	}
	life := v.Until.Sub(v.From)
	if life < shortLived {
		return left <= 0
	}
	return left <= min(max(life/5, minWarning), maxWarning, life/2)
}
