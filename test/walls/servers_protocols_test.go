package walls

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

// commit is the id that the hostile Git servers give to each branch.
const commit = "0123456789abcdef0123456789abcdef01234567"

// packet is a line of Git's protocol.
func packet(line string) string { return fmt.Sprintf("%04x%s", len(line)+len("0000"), line) }

// advertise begins a list of branches with one that exists.
func advertise(w http.ResponseWriter, r *http.Request) (service string) {
	service = r.URL.Query().Get("service")
	w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
	_, _ = io.WriteString(w, packet("# service="+service+"\n")+"0000"+ // a client that is gone ends the request
		packet(commit+" refs/heads/main\x00ofs-delta shallow report-status agent=git/2.50.0\n"))
	return service
}

// branches is a Git server with branches without an end, each of them valid.
func branches(w http.ResponseWriter, r *http.Request) {
	advertise(w, r)
	for i := 0; r.Context().Err() == nil; i++ {
		if _, err := io.WriteString(w, packet(fmt.Sprintf("%s refs/heads/%0200d\n", commit, i))); err != nil {
			return
		}
	}
}

// pack is a Git server that answers a fetch with a pack without an end.
func pack(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/info/refs") {
		advertise(w, r)
		_, _ = io.WriteString(w, "0000")
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	// The header of a pack of 2 billion objects, and no end of it.
	_, _ = io.WriteString(w, packet("shallow "+commit)+"0000"+packet("NAK\n")+"PACK\x00\x00\x00\x02\x7f\xff\xff\xff")
	chunk := strings.Repeat("x", 64<<10)
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

// registry is a container registry that answers for the manifest of a repository what the hostile server of that name does.
func registry(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(path.Clean(r.URL.Path), "/v2/"), "/")
	if handler := handlers()[name]; handler != nil {
		handler(w, r)
		return
	}
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	_, _ = io.WriteString(w, "{}")
}

// elsewhere is a container registry that sends credentials to a metadata service.
func elsewhere(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="http://169.254.169.254/token",service="a"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// apiServer passes a probe, and answers everything else with a list that begins with an item, and has no end.
func apiServer(first, repeated string) http.HandlerFunc {
	lists := stream(`{"kind":"List","apiVersion":"v1","metadata":{},"items":[`+first, repeated, 1<<40, "")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/version"):
			_, _ = io.WriteString(w, `{"major":"1","minor":"37","gitVersion":"v1.37.0"}`)
		case strings.HasSuffix(r.URL.Path, "/namespaces/kube-system"):
			_, _ = io.WriteString(w, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"a"}}`)
		default:
			lists(w, r)
		}
	}
}
