package logroute

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	es "kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	lokiservice "kubeops.io/kubeops/internal/provider/logs/loki"
	vlogs "kubeops.io/kubeops/internal/provider/logs/victorialogs"
)

var update = flag.Bool("update", false, "write the golden files anew") //nolint:gochecknoglobals // a flag of the test binary

func both() []v1alpha1.CollectorType {
	return []v1alpha1.CollectorType{v1alpha1.CollectorVector, v1alpha1.CollectorFluentd}
}

// compiled is the one configuration of a collector, without any problem.
func compiled(t testing.TB, collector v1alpha1.CollectorType, backends []Backend) Configuration {
	t.Helper()
	out, err := Compile(with(collector, backends), options())
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range out.Problems {
		t.Fatalf("%s: %s: %s", name, p.Reason, p.Message)
	}
	if len(out.Collectors) != 1 {
		t.Fatalf("got %d collectors, want one", len(out.Collectors))
	}
	return out.Collectors[collector]
}

func TestConfigurationsAreAsTheGoldenFilesSay(t *testing.T) {
	for name, backends := range cases() {
		for _, collector := range both() {
			t.Run(name+" "+string(collector), func(t *testing.T) {
				c := compiled(t, collector, backends)
				for file, content := range c.Files {
					if strings.HasSuffix(file, ".rb") {
						continue // the same in every case
					}
					path := filepath.Join("testdata", string(collector), name+"."+file)
					if *update {
						if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
							t.Fatal(err)
						}
						if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					golden, err := os.ReadFile(path)
					if err != nil {
						t.Fatalf("%v; run the test with -update", err)
					}
					if diff := cmp.Diff(string(golden), content); diff != "" {
						t.Errorf("%s differs; if that is meant, run the test with -update (-golden +got):\n%s", path, diff)
					}
				}
				structure(t, collector, c, len(backends))
			})
		}
	}
}

func TestTheOrderOfTheListMeansNothing(t *testing.T) {
	for name, backends := range cases() {
		for _, collector := range both() {
			want := compiled(t, collector, backends)
			turned := slices.Clone(backends)
			slices.Reverse(turned)
			for i := range turned {
				turned[i].Collect.Include = slices.Clone(turned[i].Collect.Include)
				slices.Reverse(turned[i].Collect.Include)
				turned[i].Collect.DropFields = slices.Clone(turned[i].Collect.DropFields)
				slices.Reverse(turned[i].Collect.DropFields)
			}
			if diff := cmp.Diff(want, compiled(t, collector, turned)); diff != "" {
				t.Errorf("%s, %s differs:\n%s", name, collector, diff)
			}
		}
	}
}

func TestNoCredentialStandsInAConfiguration(t *testing.T) {
	for name, backends := range cases() {
		for _, collector := range both() {
			c := compiled(t, collector, backends)
			for file, content := range c.Files {
				for key, secret := range c.Secrets {
					if strings.Contains(content, string(secret)) {
						t.Errorf("%s, %s: %s holds %s", name, collector, file, key)
					}
				}
				for _, never := range []string{"se\\same", "not-a-token", "bm90LWEta2V5"} {
					if strings.Contains(content, never) {
						t.Errorf("%s, %s: %s holds a credential", name, collector, file)
					}
				}
			}
			for key, secret := range c.Secrets {
				if strings.HasSuffix(key, ".authorization") &&
					!regexp.MustCompile(`^(Basic|Bearer|ApiKey) [A-Za-z0-9._~+/=-]+$`).Match(secret) {
					t.Errorf("%s: %s could mean something to a configuration: %q", name, key, secret)
				}
			}
		}
	}
}

func TestWhatCannotBeRoutedIsAProblemOfItsOwn(t *testing.T) {
	good := loki("team-b", "good", "b", v1alpha1.LogCollection{})
	for name, tc := range map[string]struct {
		change      func(*Backend)
		fluentd     bool
		reason, say string
	}{
		"another namespace": {change: func(b *Backend) { b.Collect.Include = []v1alpha1.LogSelector{namespaces("team-b")} },
			reason: v1alpha1.ReasonNamespaceNotAllowed, say: "logCollection.clusterWideNamespaces"},
		"a link-local address": {change: func(b *Backend) { b.Endpoint.URL = "http://169.254.169.254" },
			reason: v1alpha1.ReasonEgressDenied, say: "never called"},
		"an address in disguise": {change: func(b *Backend) { b.Endpoint.URL = "http://2852039166" }, reason: v1alpha1.ReasonEgressDenied,
			say: "neither a full IP address"},
		"localhost": {change: func(b *Backend) { b.Endpoint.URL = "http://localhost:9200" },
			reason: v1alpha1.ReasonEgressDenied, say: "localhost"},
		"credentials in the URL": {change: func(b *Backend) { b.Endpoint.URL = "http://a:b@logs" }, reason: v1alpha1.ReasonInvalidSpec,
			say: "credentials"},
		"an expression that is none": {change: func(b *Backend) { b.Collect.Redact = []string{"ok", "("} }, reason: v1alpha1.ReasonInvalidSpec,
			say: "spec.collect.redact[1]"},
		"a look-behind": {change: func(b *Backend) { b.Collect.Redact = []string{"(?<=x)y"} }, reason: v1alpha1.ReasonInvalidSpec,
			say: "spec.collect.redact[0]"},
		"an expression for nothing": {change: func(b *Backend) { b.Collect.Redact = []string{"a*"} }, reason: v1alpha1.ReasonInvalidSpec,
			say: "empty text"},
		"an expression too large": {change: func(b *Backend) { b.Collect.Redact = []string{`\pL{1000}`} },
			reason: v1alpha1.ReasonInvalidSpec, say: "too large"},
		"an expression whose repeats are large": {change: func(b *Backend) { b.Collect.Redact = []string{`(abcdefghijk){1000}`} },
			reason: v1alpha1.ReasonInvalidSpec, say: "spec.collect.redact[0] is too large: the regular expression compiles to 13002 instructions"},
		"expressions too large together": {change: func(b *Backend) { b.Collect.Redact = slices.Repeat([]string{`a{1000}[bc]{1000}[de]{1000}`}, 20) },
			reason: v1alpha1.ReasonInvalidSpec, say: "spec.collect.redact[16] is too large: all regular expressions of the resource compile to"},
		"a nested repeat for Fluentd": {change: func(b *Backend) { b.Collect.Redact = []string{`(a+)+b`} }, fluentd: true,
			reason: v1alpha1.ReasonInvalidSpec, say: "spec.collect.redact[0]"},
		"the message dropped": {change: func(b *Backend) { b.Collect.DropFields = []string{"x", "message"} },
			reason: v1alpha1.ReasonInvalidSpec, say: "spec.collect.dropFields[1]"},
		"a broken path": {change: func(b *Backend) { b.Collect.DropFields = []string{"a..b"} }, reason: v1alpha1.ReasonInvalidSpec,
			say: "spec.collect.dropFields[0]"},
		"all excluded": {change: func(b *Backend) { b.Collect.Exclude = []v1alpha1.LogSelector{namespaces("team-a")} },
			reason: v1alpha1.ReasonConflictingRoutes, say: "no line"},
		"everything excluded": {change: func(b *Backend) { b.Collect.Exclude = []v1alpha1.LogSelector{{}} },
			reason: v1alpha1.ReasonConflictingRoutes, say: "empty selector"},
		"a label that none can have": {change: func(b *Backend) {
			b.Collect.Include = []v1alpha1.LogSelector{{PodLabels: map[string]string{"a": `"x"`}}}
		}, reason: v1alpha1.ReasonInvalidSpec, say: "spec.collect.include[0].podLabels"},
		"a token with a line end": {change: func(b *Backend) { b.Endpoint.Auth = provider.Auth{BearerToken: "a\nb"} },
			reason: v1alpha1.ReasonInvalidSecret, say: "bearerToken"},
		"a CA that is none": {change: func(b *Backend) { b.Endpoint.TLS.CA = []byte("x") }, reason: v1alpha1.ReasonInvalidSecret,
			say: "spec.tls.ca"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := loki("team-a", "bad", "a", v1alpha1.LogCollection{})
			tc.change(&bad)
			if tc.fluentd {
				bad.Collect.Collector = v1alpha1.CollectorFluentd
			}
			out, err := Compile([]Backend{bad, good}, options())
			if err != nil {
				t.Fatal(err)
			}
			p := out.Problems[bad.Name]
			if p == nil || p.Reason != tc.reason || !strings.Contains(p.Message, tc.say) {
				t.Errorf("got %+v, want reason %s naming %q", p, tc.reason, tc.say)
			}
			if diff := cmp.Diff([]types.NamespacedName{good.Name}, out.Collectors[v1alpha1.CollectorVector].Routes); diff != "" {
				t.Errorf("the other backend is not routed by itself:\n%s", diff)
			}
		})
	}
}

func TestTheSamePlaceTakesALineOnce(t *testing.T) {
	in := func(selectors ...v1alpha1.LogSelector) v1alpha1.LogCollection {
		return v1alpha1.LogCollection{Include: selectors}
	}
	labelled := func(value string) v1alpha1.LogSelector {
		return v1alpha1.LogSelector{PodLabels: map[string]string{"app": value}}
	}
	for name, tc := range map[string]struct {
		older, newer v1alpha1.LogCollection
		conflict     bool
	}{
		"the same lines":          {in(namespaces("a", "b")), in(namespaces("b", "c")), true},
		"all and some":            {in(v1alpha1.LogSelector{}), in(labelled("x")), true},
		"other namespaces":        {in(namespaces("a")), in(namespaces("b")), false},
		"other values of a label": {in(labelled("x")), in(labelled("y")), false},
		"other containers": {in(v1alpha1.LogSelector{Containers: []string{"x"}}),
			in(v1alpha1.LogSelector{Containers: []string{"y"}}), false},
		"left out by the one": {v1alpha1.LogCollection{Include: []v1alpha1.LogSelector{{}},
			Exclude: []v1alpha1.LogSelector{namespaces("b")}}, in(namespaces("b")), false},
		"left out in part": {v1alpha1.LogCollection{Include: []v1alpha1.LogSelector{{}},
			Exclude: []v1alpha1.LogSelector{namespaces("b")}}, in(namespaces("b", "c")), true},
		"different labels may be on one": {in(labelled("x")), in(v1alpha1.LogSelector{PodLabels: map[string]string{"tier": "web"}}), true},
	} {
		t.Run(name, func(t *testing.T) {
			older, newer := elasticsearch("platform", "z", tc.older), elasticsearch("platform", "a", tc.newer)
			newer.Created = older.Created.Add(time.Hour)
			newer.Endpoint.URL = "https://ELASTICSEARCH.logging:9200/es"
			newer.Collect.Collector = v1alpha1.CollectorFluentd // another collector is no other place
			for _, list := range [][]Backend{{older, newer}, {newer, older}} {
				out, err := Compile(list, options())
				if err != nil {
					t.Fatal(err)
				}
				if out.Problems[older.Name] != nil {
					t.Errorf("the older lost its route: %+v", out.Problems[older.Name])
				}
				if p := out.Problems[newer.Name]; (p != nil) != tc.conflict ||
					(p != nil && p.Reason != v1alpha1.ReasonConflictingRoutes) {
					t.Errorf("got %+v, want a conflict: %t", p, tc.conflict)
				}
			}
			newer.Target = target(es.Config{WriteIndex: "logs-other-default"}, "8.15.0")
			if out, _ := Compile([]Backend{older, newer}, options()); len(out.Problems) != 0 {
				t.Errorf("another index is another place: %v", out.Problems)
			}
		})
	}
}

// FuzzCompile holds that nothing that a user writes becomes configuration: whatever is compiled has the structure that the number
// of routes gives it, and no reference to a secret but its own.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"a", "${HOME}", "$X", "SECRET[kubeops.b_other.authorization]", "{{ x }}", "'\"\n  type: exec", "\"#{ENV['X']}\"", "</match>\n<source>", "*/ r' ", "\x00\xff", "%Y", "a.b", "ü", "[a]", "#",
	} {
		f.Add(text, text, text, text, text)
	}
	f.Fuzz(func(t *testing.T, a, b, c, d, e string) {
		// targetOf a type with a name that a user wrote; with a good one where the type refuses it.
		targetOf := func(ty v1alpha1.LogBackendType, name, version, flavor string) logs.RouteTarget {
			for _, name := range []string{name, "1"} {
				settings := map[v1alpha1.LogBackendType]logs.Routable{
					v1alpha1.LogBackendElasticsearch: es.Config{
						WriteIndex: name,
					}, v1alpha1.LogBackendLoki: lokiservice.Config{Tenant: name},
					v1alpha1.LogBackendVictoriaLogs: vlogs.Config{Tenant: name},
				}
				if to, err := settings[ty].RouteTarget(logs.Server{Version: version + "x", Flavor: flavor}); err == nil {
					return to
				}
			}
			t.Fatalf("%s refuses the good name", ty)
			return nil
		}
		hostile := func(ty v1alpha1.LogBackendType) Backend {
			return Backend{
				Name: types.NamespacedName{Namespace: a, Name: b + string(ty[:1])}, Type: ty, Target: targetOf(ty, c, d, e),
				Endpoint: provider.Endpoint{
					URL:  "http://logs/" + d,
					Auth: provider.Auth{Username: a, Password: b},
					TLS:  provider.TLS{ServerName: e},
				},
				Collect: v1alpha1.LogCollection{
					Include: []v1alpha1.LogSelector{
						{Namespaces: []string{a}, PodLabels: map[string]string{b: c}, Containers: []string{d}},
					},
					ParseJSON: true, DropFields: []string{a, e}, Redact: []string{b, d},
				},
			}
		}
		var list []Backend
		for i, ty := range []v1alpha1.LogBackendType{v1alpha1.LogBackendElasticsearch, v1alpha1.LogBackendLoki, v1alpha1.LogBackendVictoriaLogs} {
			// Each field by itself, too, so that one that is refused does not hide the others.
			only := []func(*Backend){
				func(x *Backend) {}, func(x *Backend) { x.Endpoint.URL = "http://" + e }, func(x *Backend) { x.Endpoint.URL = "https://logs/" + a },
				func(x *Backend) { x.Collect.Redact = []string{b} }, func(x *Backend) { x.Collect.DropFields = []string{c} },
				func(x *Backend) { x.Collect.Exclude = []v1alpha1.LogSelector{{Containers: []string{d}}} },
				func(x *Backend) { x.Endpoint.Auth = provider.Auth{BearerToken: e} }, func(x *Backend) { x.Endpoint.TLS.ServerName = a },
				func(x *Backend) { x.Target = targetOf(x.Type, b, d, e) }, func(x *Backend) {
					x.Name.Namespace = c
					x.Collect.Include = nil
				},
			}
			list = append(list, hostile(ty))
			for j, change := range only {
				x := loki("team", string(rune('a'+i))+string(rune('a'+j)), "t", v1alpha1.LogCollection{})
				x.Type = ty
				x.Target = targetOf(ty, "1", "", "")
				x.Endpoint.URL += "/" + x.Name.Name
				change(&x)
				list = append(list, x)
			}
		}
		for _, collector := range both() {
			out, err := Compile(with(collector, list), options())
			if err != nil {
				t.Fatal(err)
			}
			c := out.Collectors[collector]
			structure(t, collector, c, len(c.Routes))
			for name, p := range out.Problems {
				if _, err := json.Marshal(p.Message); err != nil || p.Reason == "" {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}
