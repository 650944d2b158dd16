package dashboard

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Policy is the Content-Security-Policy of every answer: scripts and styles are files of the dashboard, and nothing else. Trusted Types let
// only Vue's own policy write markup.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; " +
	"trusted-types vue kubeops-worker"

// Paths that accept POST. Every other path only reads.
const (
	pathSignIn  = "/signin"
	pathSignOut = "/signout"
)

// guarded sets the headers of security, and refuses methods that are not for reading, foreign hosts and requests of other sites.
func (s *Server) guarded(next http.Handler) http.Handler {
	otherSites := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", Policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if r.TLS != nil {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		posts := r.URL.Path == pathSignIn || r.URL.Path == pathSignOut
		allow := "GET, HEAD, OPTIONS"
		if posts {
			allow = "OPTIONS, POST"
		}
		switch {
		case s.options.InsecureLocal && !isLoopbackHost(r.Host):
			// A page of another name that resolves to this address is another site.
			writeProblem(w, r, http.StatusMisdirectedRequest,
				"With --insecure-local, the dashboard answers to localhost and loopback addresses only.")
		case r.Method == http.MethodOptions:
			header.Set("Allow", allow)
			w.WriteHeader(http.StatusNoContent)
		case posts != (r.Method == http.MethodPost) || !posts && r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", allow)
			writeProblem(w, r, http.StatusMethodNotAllowed, "The dashboard only reads: use "+allow+".")
		case otherSites.Check(r) != nil:
			writeProblem(w, r, http.StatusForbidden, "The request comes from another site.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLoopbackHost reports whether a Host header names this machine.
func isLoopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}
