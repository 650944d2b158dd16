package hostname

import "strings"

// Mentions reports whether a text, such as the lines of a log, names a host as a whole word, in any case. The name of a Service may have
// more or fewer of the labels that follow its namespace: a configuration with cart.shop.svc fits a line with cart.shop.svc.cluster.local.
func Mentions(text, host string) bool {
	host = strings.ToLower(host)
	if before, _, found := strings.Cut(host+".", ".svc."); found {
		host = before
	}
	text = strings.ToLower(text)
	for from := 0; host != ""; {
		at := strings.Index(text[from:], host)
		if at < 0 {
			break
		}
		at += from
		end := at + len(host)
		if (at == 0 || !ofName(text[at-1])) && (end == len(text) || text[end] == '.' || !ofName(text[end])) {
			return true
		}
		from = at + 1
	}
	return false
}

// ofName reports whether a byte may be part of a DNS name.
func ofName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}
