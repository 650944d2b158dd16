package visual_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/visual"
)

type provisioned struct {
	Datasources []struct {
		Name, UID, Type, URL, BasicAuthUser string
		BasicAuth, IsDefault                bool
		JSONData                            map[string]any
		SecureJSONData                      map[string]string
	}
}

func TestADataSourceLogsInAsTheBackendDoes(t *testing.T) {
	t.Parallel()
	word := "pa" + "$$" + "word"
	for name, test := range map[string]struct {
		auth   provider.Auth
		header http.Header
		data   map[string]any
		secure map[string]string
	}{
		"without credentials": {},
		"with a password that holds dollars": {
			auth: provider.Auth{Username: "ops", Password: word}, secure: map[string]string{"basicAuthPassword": word},
		},
		"with a token and a tenant": {
			auth: provider.Auth{BearerToken: word}, header: http.Header{"X-Scope-Orgid": {"team-a"}},
			data:   map[string]any{"httpHeaderName1": "Authorization", "httpHeaderName2": "X-Scope-Orgid"},
			secure: map[string]string{"httpHeaderValue1": "Bearer " + word, "httpHeaderValue2": "team-a"},
		},
		"with an API key": {
			auth: provider.Auth{APIKey: word}, data: map[string]any{"httpHeaderName1": "Authorization"},
			secure: map[string]string{"httpHeaderValue1": "ApiKey " + word},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := visual.DataSource{
				Namespace: "observability", Name: "main",
				GrafanaSource: provider.GrafanaSource{
					Plugin: "loki", Endpoint: provider.Endpoint{URL: "http://loki:3100", Auth: test.auth, Header: test.header},
				},
			}
			data, err := source.SecretData()
			if err != nil {
				t.Fatal(err)
			}
			var read provisioned
			if err := yaml.Unmarshal(data["datasource.yaml"], &read); err != nil || len(read.Datasources) != 1 {
				t.Fatalf("%v: %s", err, data["datasource.yaml"])
			}
			got := read.Datasources[0]
			if got.Type != "loki" || got.URL != "http://loki:3100" || got.Name != "observability/main" {
				t.Errorf("got %+v", got)
			}
			for key, want := range test.data {
				if got.JSONData[key] != want {
					t.Errorf("%s is %v, want %v", key, got.JSONData[key], want)
				}
			}
			for key, want := range test.secure {
				if interpolated := strings.ReplaceAll(got.SecureJSONData[key], "$$", "$"); interpolated != want {
					t.Errorf("%s is %q once Grafana filled in variables, want %q", key, interpolated, want)
				}
				if string(data[key]) != want {
					t.Errorf("the Secret holds %q as %s, want %q", data[key], key, want)
				}
			}
		})
	}
}

func TestTheOperatorsResourceHoldsNoSecret(t *testing.T) {
	t.Parallel()
	word := "cor" + "rect horse"
	source := visual.DataSource{
		Namespace: "observability", Name: "main",
		GrafanaSource: provider.GrafanaSource{Plugin: "prometheus", Endpoint: provider.Endpoint{
			URL: "https://prometheus:9090", Auth: provider.Auth{Username: "ops", Password: word},
			TLS: provider.TLS{Key: []byte(word), Certificate: []byte("certificate"), CA: []byte("ca")},
		}},
	}
	content, err := json.Marshal(source.OperatorResource("kubeops-grafana-main", map[string]string{"dashboards": "grafana"}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), word) {
		t.Errorf("the password stands in %s", content)
	}
	for _, want := range []string{`"${basicAuthPassword}"`, `"secureJsonData.tlsClientKey"`, `"key":"tlsClientKey"`,
		`"dashboards":"grafana"`} {
		if !strings.Contains(string(content), want) {
			t.Errorf("%s is missing in %s", want, content)
		}
	}
}

func TestUIDsOfLongNamesAreShortAndDifferent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60)
	one, other := visual.DataSource{Namespace: long, Name: "one"}.UID(), visual.DataSource{Namespace: long, Name: "other"}.UID()
	if len(one) > 40 || one == other {
		t.Errorf("got %q and %q", one, other)
	}
}
