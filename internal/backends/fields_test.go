package backends

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
)

// schema of a resource, as its CRD has it.
type schema map[string]any

func schemaOf(t *testing.T, plural string) schema {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "kubeops.io_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(content, &crd); err != nil || len(crd.Spec.Versions) != 1 {
		t.Fatalf("%v, %d versions", err, len(crd.Spec.Versions))
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// has says whether there is a field at a path such as spec.collect.redact[0].
func (s schema) has(path string) bool {
	at := map[string]any(s)
	for _, name := range strings.Split(regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(path, ""), ".") {
		if items, is := at["items"].(map[string]any); is {
			at = items
		}
		properties, _ := at["properties"].(map[string]any)
		next, is := properties[name].(map[string]any)
		if !is {
			return false
		}
		at = next
	}
	return true
}

// types of the union of the spec.
func (s schema) types() []string {
	var list []string
	spec := s["properties"].(map[string]any)["spec"].(map[string]any)["properties"].(map[string]any)
	for _, name := range spec["type"].(map[string]any)["enum"].([]any) {
		list = append(list, name.(string))
	}
	return list
}

func fieldsIn(message string) []string {
	return regexp.MustCompile(`\bspec(\.[a-zA-Z][a-zA-Z0-9]*(\[[^\]\s]*\])?)+`).FindAllString(message, -1)
}

// everyResolver opens every built-in type.
func everyResolver(t *testing.T, secrets *cluster) *Resolver {
	t.Helper()
	r := &Resolver{Secrets: secrets.start(t, "kubeops"), Egress: provider.Egress{AllowLoopback: true},
		Meters: &Meters{Clock: clock.RealClock{}}}
	for _, err := range []error{
		func() (err error) { r.MetricsTypes, err = builtin.Metrics(); return err }(),
		func() (err error) { r.LogTypes, err = builtin.Logs(); return err }(),
		func() (err error) { r.ModelTypes, err = builtin.Models(); return err }(),
		func() (err error) { r.ChannelTypes, err = builtin.Channels(); return err }(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// failures are URLs and TLS settings, by how a call to them fails.
func failures(t *testing.T) map[string]struct {
	url string
	tls *v1alpha1.BackendTLS
} {
	t.Helper()
	serve := func(handler http.HandlerFunc, tls bool) string {
		server := httptest.NewUnstartedServer(handler)
		if server.Start(); tls {
			server.Close()
			server = httptest.NewTLSServer(handler)
		}
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		return server.URL
	}
	done := make(chan struct{})
	empty := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }
	plain := serve(empty, false)
	ca := &v1alpha1.BackendTLS{CA: &v1alpha1.SecretKeyReference{Name: "login", Key: "password"}}
	all := map[string]struct {
		url string
		tls *v1alpha1.BackendTLS
	}{
		"nothing listens":        {url: "http://127.0.0.1:1"},
		"a name that is none":    {url: "http://kubeops.invalid:80"},
		"a forbidden address":    {url: "http://169.254.169.254:80"},
		"no answer in time":      {url: serve(func(http.ResponseWriter, *http.Request) { <-done }, false)},
		"an answer of no API":    {url: serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, false)},
		"an unknown CA":          {url: serve(empty, true)},
		"plain HTTP":             {url: strings.Replace(plain, "http:", "https:", 1)},
		"a CA that is none":      {url: plain, tls: ca},
		"a certificate of none":  {url: plain, tls: &v1alpha1.BackendTLS{ClientCertificate: &v1alpha1.SecretReference{Name: "pair"}}},
		"a CA that is missing":   {url: plain, tls: &v1alpha1.BackendTLS{CA: &v1alpha1.SecretKeyReference{Name: "none", Key: "ca.crt"}}},
		"a URL with credentials": {url: "http://a:b@logs:80"},
		"a URL with a query":     {url: "http://logs:80?a=b"},
		"a URL of no scheme":     {url: "logs:80"},
	}
	for _, status := range []int{302, 400, 401, 403, 404, 405, 410, 413, 418, 422, 429, 500, 502, 503} {
		all[fmt.Sprint(status)] = struct {
			url string
			tls *v1alpha1.BackendTLS
		}{url: serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://example.com/")
			w.WriteHeader(status)
		}, false)}
	}
	t.Cleanup(func() { close(done) }) // before the servers are closed
	return all
}

func TestMessagesNameFieldsThatTheResourceHas(t *testing.T) {
	t.Parallel()
	failures := failures(t)
	urls := map[string][]byte{}
	for _, f := range failures {
		urls[f.url] = []byte(f.url)
	}
	r := everyResolver(t, &cluster{secrets: map[string]map[string][]byte{
		"login": {"username": []byte("kubeops"), "password": []byte("open-sesame")}, "urls": urls,
		"pair": {"tls.crt": []byte("x"), "tls.key": []byte("y")},
	}})
	for name, c := range callers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource := schemaOf(t, c.plural)
			named := false
			for failure, f := range failures {
				for _, err := range c.call(t.Context(), r, f.url, f.tls) {
					p := problem.As(err)
					if p == nil {
						if err != nil {
							t.Errorf("%s: %v is no problem", failure, err)
						}
						continue
					}
					for _, field := range fieldsIn(p.Message) {
						member := strings.Split(field, ".")[1]
						if !resource.has(field) || member != c.backendType && slices.Contains(resource.types(), member) {
							t.Errorf("%s: %q names %s, which a %s of type %s does not have", failure, p.Message, field, c.plural,
								c.backendType)
						}
						named = named || strings.HasPrefix(field, c.must)
					}
					if c.plural == "notificationchannels" && strings.Contains(p.Message, "spec.interval") {
						t.Errorf("%s: %q: the interval of a channel has nothing to do with it", failure, p.Message)
					}
				}
			}
			if !named {
				t.Errorf("no message names %s", c.must)
			}
		})
	}
}

// TestTextsNameFieldsThatTheResourceHas reads the source: what no test provokes is held, too.
func TestTextsNameFieldsThatTheResourceHas(t *testing.T) {
	t.Parallel()
	for folder, plural := range map[string]string{
		"../provider/logs": "logbackends", "../logroute": "logbackends", "../provider/metrics": "metricsbackends",
		"../provider/ai": "aiproviders", "../provider/notify": "notificationchannels",
	} {
		resource := schemaOf(t, plural)
		for position, text := range literals(t, folder) {
			for _, field := range fieldsIn(text) {
				if field != "spec.nodeName" && !resource.has(field) { // that of a Pod
					t.Errorf("%s: %q names %s, which %s do not have", position, text, field, plural)
				}
			}
		}
	}
	entries, err := filepath.Glob("../provider/*.go")
	if err != nil || len(entries) == 0 {
		t.Fatal(err, entries)
	}
	for _, path := range entries {
		for position, text := range literalsOf(t, path) {
			if found := fieldsIn(text); len(found) > 0 && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s: %q names %v, which is for the caller to know", position, text, found)
			}
		}
	}
}

// literals of the source below a folder, but for tests.
func literals(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "conformance" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for position, text := range literalsOf(t, path) {
			all[position] = text
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatal(err, len(all))
	}
	return all
}

func literalsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
			all[set.Position(literal.Pos()).String()] = literal.Value
		}
		return true
	})
	return all
}
