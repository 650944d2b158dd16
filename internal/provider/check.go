package provider

import (
	"net/netip"
	"net/url"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// CheckURL checks the URL of an endpoint that something other than a Client will call: it must be an http or https URL without
// credentials, query or fragment, and a literal address in it must be allowed. What a name resolves to is for the caller to check.
// The URL is returned without a trailing slash.
func CheckURL(endpoint Endpoint, egress Egress) (*url.URL, error) {
	base, err := parse(endpoint)
	if err != nil {
		return nil, err
	}
	if err := egress.allowsHost(base.Hostname()); err != nil {
		return nil, problem.UserError(v1alpha1.ReasonEgressDenied, nil,
			"%s is a link-local, loopback or metadata address, which is never called%s", base.Hostname(),
			advice("; check ", endpoint.Fields.URL))
	}
	// Resolvers read names such as 2130706433, 0x7f.1 and 127.0.0.1. as addresses, and every host is its own localhost.
	host := strings.ToLower(strings.TrimSuffix(base.Hostname(), "."))
	last := host[strings.LastIndex(host, ".")+1:]
	local := (last == "localhost" && !egress.AllowLoopback)
	if _, err := netip.ParseAddr(base.Hostname()); err != nil && (local || last == "" || last[0] >= '0' && last[0] <= '9') {
		return nil, problem.UserError(v1alpha1.ReasonEgressDenied, nil,
			"%s is neither a full IP address nor an allowed host name%s", base.Hostname(), advice("; check ", endpoint.Fields.URL))
	}
	return base, nil
}

// CheckTLS checks the TLS settings of an endpoint: certificates parse, and the key matches.
func CheckTLS(endpoint Endpoint) error {
	_, err := endpoint.TLS.Config(endpoint.Fields)
	return err
}
