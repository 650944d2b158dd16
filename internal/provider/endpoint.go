package provider

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Endpoint is where a server is and how to log in there, with every reference resolved.
type Endpoint struct {
	// URL with the path prefix, without credentials, query or fragment.
	URL string
	// Auth to send with each request. It is sent to this host only.
	Auth Auth
	// TLS settings.
	TLS TLS
	// Header to send with each request, such as a tenant.
	Header http.Header
	// Fields of the spec that all of this comes from, for messages.
	Fields Fields
}

// String names the server and nothing else: the path of a webhook and any header may be secret.
func (e Endpoint) String() string {
	target, err := url.Parse(e.URL)
	if err != nil || target.Host == "" {
		return "[redacted]"
	}
	return target.Scheme + "://" + target.Host
}

// GoString hides the same from %#v.
func (e Endpoint) GoString() string { return e.String() }

// Auth holds at most one way to log in. It never prints its secrets.
type Auth struct {
	Username, Password string
	BearerToken        string
	// APIKey of Elasticsearch, in its encoded form.
	APIKey string
}

// String hides the secrets, whatever prints an Auth.
func (a Auth) String() string {
	if a == (Auth{}) {
		return "none"
	}
	return "[redacted]"
}

// GoString hides the secrets from %#v.
func (a Auth) GoString() string { return a.String() }

// header is the value of the Authorization header, or "".
func (a Auth) header() string {
	switch {
	case a.BearerToken != "":
		return "Bearer " + a.BearerToken
	case a.APIKey != "":
		return "ApiKey " + a.APIKey
	case a.Username != "" || a.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Password))
	default:
		return ""
	}
}

// TLS says whom to trust, and who we are. All in PEM.
type TLS struct {
	CA, Certificate, Key []byte
	ServerName           string
	InsecureSkipVerify   bool
}

// String hides the key, whatever prints a TLS.
func (t TLS) String() string { return fmt.Sprintf("TLS for %q", t.ServerName) }

// GoString hides the key from %#v.
func (t TLS) GoString() string { return t.String() }

// Config for the standard library. Invalid PEM is a problem that names the field it comes from.
func (t TLS) Config(fields Fields) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the user sets the field of that name
	}
	if len(t.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
				"%s contains no certificate in PEM form", orText(fields.tls("ca"), "the CA"))
		}
	}
	if len(t.Certificate) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "%s is not valid: tls.crt and tls.key must be PEM and match",
				orText(fields.tls("clientCertificate"), "the client certificate"))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Limits of what is sent and read.
type Limits struct {
	// Timeout of one request, its body included. Default 10s.
	Timeout time.Duration
	// MaxBytes of one answer. Default 32 MiB.
	MaxBytes int64
	// PerSecond is how many requests may be sent each second; Burst at once. Default 20 and 40.
	PerSecond float64
	Burst     int
}

func (l Limits) defaulted() Limits {
	if l.Timeout <= 0 {
		l.Timeout = v1alpha1.DefaultBackendTimeout
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = 32 << 20
	}
	if l.PerSecond <= 0 {
		l.PerSecond = 20
	}
	if l.Burst <= 0 {
		l.Burst = 40
	}
	return l
}

// parse the base URL of an endpoint. The CRD's rules reject the rest, but a backend has other callers, too.
func parse(endpoint Endpoint) (*url.URL, error) {
	field := orText(endpoint.Fields.URL, "the URL")
	base, err := url.Parse(endpoint.URL)
	switch {
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s must begin with http:// or https:// and name a host", field)
	case base.User != nil:
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s must not contain credentials; put them into a Secret%s", field, advice(" and reference it in ", endpoint.Fields.Auth))
	case base.RawQuery != "" || base.Fragment != "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s must not have a query or a fragment", field)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	return base, nil
}
