package walls

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	realservers "kubeops.io/kubeops/internal/testkit/servers"
)

// servers answer with every path below /NAME/ what the hostile server of that name does.
type servers struct {
	url, port string
	// tls is a server whose certificate is not trusted.
	tls string
	// tokens is the port of a container registry whose logins are elsewhere.
	tokens string
	// certificate is one that clients can present, with its CA.
	certificate *realservers.Certificate
}

func newServers(t *testing.T) *servers {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", registry)
	for name, handler := range handlers() {
		mux.Handle("/"+name+"/", handler)
	}
	server := httptest.NewServer(mux)
	encrypted := httptest.NewUnstartedServer(mux)
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	encrypted.StartTLS()
	tokens := httptest.NewServer(http.HandlerFunc(elsewhere))
	t.Cleanup(func() {
		for _, each := range []*httptest.Server{server, encrypted, tokens} {
			each.CloseClientConnections()
			each.Close()
		}
	})
	return &servers{
		url: server.URL, port: portOf(server.URL), tls: encrypted.URL, tokens: portOf(tokens.URL), certificate: realservers.NewCertificate(t),
	}
}

// in puts the servers into a manifest: the URLs $SERVER and $TLS, the ports $PORT of the first, $ENCRYPTED of the second, and $TOKENS, and
// $CA, $CERTIFICATE and $PRIVATE for a client.
func (s *servers) in(manifest string) string {
	return strings.NewReplacer("$SERVER", s.url, "$PORT", s.port, "$TLS", s.tls, "$ENCRYPTED", portOf(s.tls), "$TOKENS", s.tokens,
		"$CA", strconv.Quote(string(s.certificate.CA)), "$CERTIFICATE", strconv.Quote(string(s.certificate.Certificate)),
		"$PRIVATE", strconv.Quote(string(s.certificate.Key))).Replace(manifest)
}

func handlers() map[string]http.HandlerFunc {
	const chunk = 64 << 10
	filler := strings.Repeat("x", chunk)
	return map[string]http.HandlerFunc{
		// 200 MB of one string.
		"large": stream(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"`, filler, 200<<20/chunk, `"}}]}}`),
		// A string that never ends.
		"endless": stream(`{"version":{"number":"`, filler, 1<<40, ""),
		// Series without an end, each of them valid.
		"series": stream(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}`,
			strings.Repeat(`,{"metric":{"namespace":"offender","pod":"p"},"value":[1,"1"]}`, 1000), 1<<40, ""),
		// Lists in lists.
		"deep": stream(`{"status":"success","data":`, strings.Repeat("[", chunk), 1<<40, ""),
		// A number of a megabyte.
		"number": stream(`{"status":"success","data":{"resultType":"scalar","result":[1`, strings.Repeat("0", chunk), 16, `,"1"]}}`),
		"bomb":   bomb,
		// White space, one byte at a time.
		"drip":   drip,
		"silent": silent,
		"loop": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		},
		"metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/iam/", http.StatusPermanentRedirect)
		},
		"header": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2000 {
				w.Header().Set("X-"+strconv.Itoa(i), filler[:1000])
			}
			_, _ = io.WriteString(w, "{}")
		},
		"error": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			stream("", filler, 1<<40, "")(w, r)
		},
		"hang-up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"html": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>")
		},
		"accept": func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) },
		"later": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999999999999999")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"prometheus": prometheus,
		"flood":      flood,
		"branches":   branches,
		"pack":       pack,
		"cluster":    apiServer(`{}`, strings.Repeat(`,{"metadata":{"name":"a"}}`, 1000)),
		"object":     apiServer(`{"metadata":{"name":"`, filler),
	}
}

// stream a text, then another a number of times, then an end.
func stream(begin, repeated string, times int, end string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := io.WriteString(w, begin); err != nil {
			return
		}
		for i := 0; i < times && r.Context().Err() == nil; i++ {
			if _, err := io.WriteString(w, repeated); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, end)
	}
}

// bomb is a gzip of 1 GiB.
func bomb(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	chunk := []byte(strings.Repeat(" ", 1<<20))
	for i := 0; i < 1024 && r.Context().Err() == nil; i++ {
		if _, err := packed.Write(chunk); err != nil {
			return
		}
	}
	_ = packed.Close()
}

func drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		pause(r.Context(), 50*time.Millisecond)
	}
}

func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a server notices only then that the client is gone
	<-r.Context().Done()
}

// prometheus is a server that passes a probe.
func prometheus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/buildinfo"):
		_, _ = io.WriteString(w, `{"status":"success","data":{"version":"3.0.0"}}`)
	case strings.HasSuffix(r.URL.Path, "/query"):
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"1"]}]}}`,
			time.Now().Unix())
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// flood is a server that passes a probe, and answers every question of a run with series without an end.
func flood(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // an empty query is answered, too
	query := r.Form.Get("query")
	if strings.HasSuffix(r.URL.Path, "/query") && !strings.Contains(query, "container") && !strings.Contains(query, "kube_") {
		prometheus(w, r)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/buildinfo") {
		prometheus(w, r)
		return
	}
	handlers()["series"](w, r)
}
