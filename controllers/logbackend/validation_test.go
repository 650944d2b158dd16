package logbackend

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestTheAPIServerRefusesWhatCannotBeMeant(t *testing.T) {
	n := tenant.New(t, realAPI)
	good := func(change func(*v1alpha1.LogBackendSpec)) v1alpha1.LogBackendSpec {
		spec := elastic("https://elasticsearch.logging:9200")
		change(&spec)
		return spec
	}
	index := func(index, write string) v1alpha1.LogBackendSpec {
		return v1alpha1.LogBackendSpec{
			Type:          "elasticsearch",
			Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: "http://es", Index: index, WriteIndex: write},
		}
	}
	loki := func(url, tenant string) v1alpha1.LogBackendSpec {
		return v1alpha1.LogBackendSpec{Type: "loki", Loki: &v1alpha1.LokiBackend{URL: url, Tenant: tenant}}
	}
	victoria := func(url, tenant string) v1alpha1.LogBackendSpec {
		return v1alpha1.LogBackendSpec{Type: "victorialogs", VictoriaLogs: &v1alpha1.VictoriaLogsBackend{URL: url, Tenant: tenant}}
	}
	retention := func(d time.Duration) v1alpha1.LogBackendSpec {
		return good(func(s *v1alpha1.LogBackendSpec) { s.Retention = &metav1.Duration{Duration: d} })
	}
	collect := func(c v1alpha1.LogCollection) v1alpha1.LogBackendSpec {
		return good(func(s *v1alpha1.LogBackendSpec) { s.Collect = &c })
	}
	key := &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
	for name, tc := range map[string]struct {
		spec v1alpha1.LogBackendSpec
		want string // part of the refusal; empty means accepted
	}{
		"elasticsearch":             {spec: elastic("https://elasticsearch.logging:9200")},
		"indices":                   {spec: index("logs-*,.ds-app-*", "logs-app")},
		"an index in capitals":      {index("Logs", ""), "index"},
		"a pattern to write to":     {index("", "logs-*"), "writeIndex"},
		"a URL that is none":        {elastic("es:9200"), "http or https URL without credentials"},
		"credentials in the URL":    {elastic("http://a:b@es:9200"), "http or https URL without credentials"},
		"loki":                      {spec: loki("http://loki-gateway.logging", "team-a")},
		"a tenant with a slash":     {loki("http://loki", "a/b"), "tenant"},
		"a Loki that is nowhere":    {loki("loki", ""), "http or https URL without credentials"},
		"victorialogs":              {spec: victoria("http://vl:9428", "0:1")},
		"a tenant with a name":      {victoria("http://vl:9428", "team"), "tenant"},
		"a VictoriaLogs nowhere":    {victoria("vl", ""), "http or https URL without credentials"},
		"no type":                   {v1alpha1.LogBackendSpec{}, "type"},
		"an unknown type":           {v1alpha1.LogBackendSpec{Type: "splunk"}, "type"},
		"elastic without its own":   {v1alpha1.LogBackendSpec{Type: "elasticsearch"}, "elasticsearch must be set if and only if type is elasticsearch"},
		"loki without its own":      {v1alpha1.LogBackendSpec{Type: "loki"}, "loki must be set if and only if type is loki"},
		"victoria without its own":  {v1alpha1.LogBackendSpec{Type: "victorialogs"}, "victorialogs must be set if and only if type is victorialogs"},
		"a member of another type":  {good(func(s *v1alpha1.LogBackendSpec) { s.Loki = &v1alpha1.LokiBackend{URL: "http://l"} }), "loki must be set if and only if type is loki"},
		"two ways to log in":        {good(func(s *v1alpha1.LogBackendSpec) { s.Auth = &v1alpha1.BackendAuth{BearerToken: key, APIKey: key} }), "at most one of"},
		"a read-only probe":         {spec: good(func(s *v1alpha1.LogBackendSpec) { s.Probe = v1alpha1.ProbeReadOnly })},
		"another probe":             {good(func(s *v1alpha1.LogBackendSpec) { s.Probe = "WriteOnly" }), "probe"},
		"fields":                    {spec: good(func(s *v1alpha1.LogBackendSpec) { s.Fields = &v1alpha1.LogFields{Schema: "ecs", Level: "severity"} })},
		"another schema":            {good(func(s *v1alpha1.LogBackendSpec) { s.Fields = &v1alpha1.LogFields{Schema: "gelf"} }), "schema"},
		"a field's name too long":   {good(func(s *v1alpha1.LogBackendSpec) { s.Fields = &v1alpha1.LogFields{Pod: strings.Repeat("p", 129)} }), "pod"},
		"a month":                   {spec: retention(720 * time.Hour)},
		"a retention of a minute":   {retention(time.Minute), "between 1h and 87840h"},
		"a hot interval":            {good(func(s *v1alpha1.LogBackendSpec) { s.Interval = &metav1.Duration{Duration: time.Second} }), "between 5s and 1h"},
		"everything of a namespace": {spec: collect(v1alpha1.LogCollection{})},
		"a collection": {spec: collect(v1alpha1.LogCollection{
			Collector: "fluentd", Include: []v1alpha1.LogSelector{{Namespaces: []string{"shop"}, PodLabels: map[string]string{"app": "cart"}, Containers: []string{"app"}}},
			Exclude: []v1alpha1.LogSelector{{Containers: []string{"istio-proxy"}}}, ParseJSON: true, DropFields: []string{"kubernetes.pod_annotations"}, Redact: []string{`\d{16}`},
		})},
		"another collector":           {collect(v1alpha1.LogCollection{Collector: "logstash"}), "collector"},
		"a namespace that is no name": {collect(v1alpha1.LogCollection{Include: []v1alpha1.LogSelector{{Namespaces: []string{"Shop"}}}}), "namespaces"},
		"a container without a name":  {collect(v1alpha1.LogCollection{Exclude: []v1alpha1.LogSelector{{Containers: []string{""}}}}), "containers"},
		"a field that is code":        {collect(v1alpha1.LogCollection{DropFields: []string{"a}; del(.)"}}), "dropFields"},
		"an empty expression":         {collect(v1alpha1.LogCollection{Redact: []string{""}}), "redact"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &v1alpha1.LogBackend{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, GenerateName: "v-"}, Spec: tc.spec}
			n.Validates(t, b, tc.want)
		})
	}
}

func TestDefaultsAreShownInTheSpec(t *testing.T) {
	w := newWorld(t, healthy())
	w.backend(func(s *v1alpha1.LogBackendSpec) {
		s.Collect = &v1alpha1.LogCollection{}
		s.Fields = &v1alpha1.LogFields{}
	})
	spec := w.get().Spec
	if spec.Probe != v1alpha1.ProbeReadWrite || spec.Elasticsearch.Index != "logs-*" ||
		spec.Elasticsearch.WriteIndex != "logs-kubeops-default" ||
		spec.Collect.Collector != v1alpha1.CollectorVector ||
		spec.Fields.Schema != v1alpha1.FieldSchemaAuto {
		t.Errorf("%+v", spec)
	}
}

func TestTablesFitTheScreen(t *testing.T) {
	w := newWorld(t, healthy())
	w.backend()
	w.reconcile()
	long := &v1alpha1.LogBackend{ObjectMeta: w.Meta("production-elasticsearch-frankfurt"), Spec: elastic("http://es")}
	w.Create(long)
	long.Status = w.get().Status
	if err := w.Client.Status().Update(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(w.Table("logbackends", false), "\n")
	for line := range strings.Lines(lines) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > tenant.Screen {
			t.Errorf("%d columns, more than %d: %s", n, tenant.Screen, line)
		}
	}
	for _, part := range []string{"elasticsearch   8.14.0    True    a line was written and read back"} {
		if !strings.Contains(lines, part) {
			t.Errorf("%q is not in\n%s", part, lines)
		}
	}
	if wide := strings.Join(w.Table("logbackends", true), "\n"); !strings.Contains(wide, "HEALTH   INGEST LAG") ||
		!strings.Contains(wide, "yellow") {
		t.Errorf("health and lag are not in\n%s", wide)
	}
}
