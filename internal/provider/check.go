package provider

import (
	"net/netip"
	"net/url"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// CheckURL judges a URL that something other than a Client will call: it must be an http or https URL without credentials, query
// or fragment, and a literal address in it must be one that may be called. What a name resolves to is for the caller to judge.
// The URL comes back without a slash at its end.
func CheckURL(text string, egress Egress) (*url.URL, error) {
	base, err := parse(text)
	if err != nil {
		return nil, err
	}
	if err := egress.allowsHost(base.Hostname()); err != nil {
		return nil, problem.UserError(v1alpha1.ReasonEgressDenied, nil,
			"%s is an address that is never called: link-local, loopback and metadata addresses are closed; give the address of the back end", base.Hostname())
	}
	// Resolvers read names such as 2130706433, 0x7f.1 and 127.0.0.1. as addresses, and every host is its own localhost.
	host := strings.ToLower(strings.TrimSuffix(base.Hostname(), "."))
	last := host[strings.LastIndex(host, ".")+1:]
	local := (last == "localhost" && !egress.AllowLoopback)
	if _, err := netip.ParseAddr(base.Hostname()); err != nil && (local || last == "" || last[0] >= '0' && last[0] <= '9') {
		return nil, problem.UserError(v1alpha1.ReasonEgressDenied, nil, "%s is neither a full address nor a name that may be called; give the address of the back end", base.Hostname())
	}
	return base, nil
}

// CheckTLS says whether settings can be used: certificates that parse, and a key that belongs to them.
func CheckTLS(settings TLS) error {
	_, err := settings.config()
	return err
}
