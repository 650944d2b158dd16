package provider

import "net/url"

// CheckURL checks the URL of an endpoint that something other than a Client will call: it must be an http or https URL without
// credentials, query or fragment, and its host must be allowed. What a name resolves to is for the caller to check.
// The URL is returned without a trailing slash.
func CheckURL(endpoint Endpoint, egress Egress) (*url.URL, error) {
	base, err := parse(endpoint)
	if err != nil {
		return nil, err
	}
	if err := egress.CheckHost(base.Hostname()); err != nil {
		return nil, deniedHost(err, base.Hostname(), endpoint.Fields)
	}
	return base, nil
}

// CheckTLS checks the TLS settings of an endpoint: certificates parse, and the key matches.
func CheckTLS(endpoint Endpoint) error {
	_, err := endpoint.TLS.Config(endpoint.Fields)
	return err
}
