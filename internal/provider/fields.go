package provider

// Fields are the paths of the spec that messages name. The code that resolves a spec sets them, since only the caller knows whether a URL
// comes from spec.prometheus.url or from spec.alertmanager.url. A message leaves out the advice whose field is empty.
type Fields struct {
	// URL of the server, for example spec.prometheus.url.
	URL string
	// Auth holds the credentials, for example spec.auth.
	Auth string
	// TLS holds ca, clientCertificate and serverName, for example spec.tls.
	TLS string
	// Timeout of one request.
	Timeout string
	// Interval between two requests that are sent without being asked for.
	Interval string
	// Settings of the type of backend, for example spec.loki.
	Settings string
}

// Setting is the path of one setting of the type of backend.
func (f Fields) Setting(name string) string { return under(f.Settings, name) }

// tls is the path of one of the TLS settings, or "".
func (f Fields) tls(name string) string {
	if f.TLS == "" {
		return ""
	}
	return f.TLS + "." + name
}

// orText is a field, or a text where there is none.
func orText(field, text string) string {
	if field == "" {
		return text
	}
	return field
}

func under(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// advice is text followed by a field, or "" without a field: advice("; check ", "spec.auth") is "; check spec.auth".
func advice(text, field string) string {
	if field == "" {
		return ""
	}
	return text + field
}
