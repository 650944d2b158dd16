package metricsbackend

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func secretNamed(w *world, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: w.Meta(name)}
}

func TestTheAPIServerRefusesWhatCannotBeMeant(t *testing.T) {
	n := tenant.New(t, realAPI)
	duration := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	good := func(change func(*v1alpha1.MetricsBackendSpec)) v1alpha1.MetricsBackendSpec {
		spec := prometheusAt("http://prometheus.monitoring:9090/prefix")
		change(&spec)
		return spec
	}
	victoria := func(v v1alpha1.VictoriaMetricsBackend) v1alpha1.MetricsBackendSpec {
		return v1alpha1.MetricsBackendSpec{Type: v1alpha1.MetricsBackendVictoriaMetrics, VictoriaMetrics: &v}
	}
	auth := func(a v1alpha1.BackendAuth) v1alpha1.MetricsBackendSpec {
		return good(func(s *v1alpha1.MetricsBackendSpec) { s.Auth = &a })
	}
	alertmanager := func(url string) v1alpha1.MetricsBackendSpec {
		return good(func(s *v1alpha1.MetricsBackendSpec) { s.Alertmanager = &v1alpha1.AlertmanagerAccess{URL: url} })
	}
	access := func(a v1alpha1.BackendAccess) v1alpha1.MetricsBackendSpec {
		return good(func(s *v1alpha1.MetricsBackendSpec) { s.BackendAccess = a })
	}
	budget := func(b v1alpha1.QueryBudget) v1alpha1.MetricsBackendSpec {
		return good(func(s *v1alpha1.MetricsBackendSpec) { s.QueryBudget = &b })
	}
	key := &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
	const url = "http://vm:8428"
	for name, tc := range map[string]struct {
		spec v1alpha1.MetricsBackendSpec
		want string // part of the refusal; empty means accepted
	}{
		"prometheus":                 {spec: prometheusAt("http://prometheus.monitoring:9090/prefix")},
		"https":                      {spec: prometheusAt("https://prometheus.example.com")},
		"no URL":                     {prometheusAt(""), "url"},
		"another scheme":             {prometheusAt("ftp://p"), "http or https URL without credentials"},
		"no scheme":                  {prometheusAt("prometheus:9090"), "http or https URL without credentials"},
		"credentials in the URL":     {prometheusAt("http://a:b@p:9090"), "http or https URL without credentials"},
		"no type":                    {v1alpha1.MetricsBackendSpec{}, "type"},
		"an unknown type":            {v1alpha1.MetricsBackendSpec{Type: "graphite"}, "type"},
		"a type without its member":  {v1alpha1.MetricsBackendSpec{Type: "prometheus"}, "prometheus must be set if and only if type is prometheus"},
		"victoria without its own":   {v1alpha1.MetricsBackendSpec{Type: "victoriametrics"}, "victoriametrics must be set if and only if type is victoriametrics"},
		"a member of another type":   {good(func(s *v1alpha1.MetricsBackendSpec) { s.VictoriaMetrics = &v1alpha1.VictoriaMetricsBackend{URL: url} }), "victoriametrics must be set if and only if"},
		"a single VictoriaMetrics":   {spec: victoria(v1alpha1.VictoriaMetricsBackend{URL: url})},
		"a cluster":                  {spec: victoria(v1alpha1.VictoriaMetricsBackend{SelectURL: url, InsertURL: url, Tenant: "4294967295:1"})},
		"neither url nor selectURL":  {victoria(v1alpha1.VictoriaMetricsBackend{}), "set exactly one of url (single-node) and selectURL"},
		"both url and selectURL":     {victoria(v1alpha1.VictoriaMetricsBackend{URL: url, SelectURL: url}), "set exactly one of url (single-node) and selectURL"},
		"insertURL of a single":      {victoria(v1alpha1.VictoriaMetricsBackend{URL: url, InsertURL: url}), "insertURL requires selectURL"},
		"tenant of a single":         {victoria(v1alpha1.VictoriaMetricsBackend{URL: url, Tenant: "1"}), "tenant requires selectURL"},
		"a tenant with a name":       {victoria(v1alpha1.VictoriaMetricsBackend{SelectURL: url, Tenant: "team"}), "tenant"},
		"a url that is none":         {victoria(v1alpha1.VictoriaMetricsBackend{URL: "vm"}), "url must be an http or https URL"},
		"a selectURL that is none":   {victoria(v1alpha1.VictoriaMetricsBackend{SelectURL: "vm"}), "selectURL must be an http or https URL"},
		"an insertURL that is none":  {victoria(v1alpha1.VictoriaMetricsBackend{SelectURL: url, InsertURL: "vm"}), "insertURL must be an http or https URL"},
		"basic":                      {spec: auth(v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "s"}})},
		"a bearer token":             {spec: auth(v1alpha1.BackendAuth{BearerToken: key})},
		"an API key":                 {spec: auth(v1alpha1.BackendAuth{APIKey: key})},
		"two ways to log in":         {auth(v1alpha1.BackendAuth{BearerToken: key, APIKey: key}), "at most one of basic, bearerToken and apiKey"},
		"a Secret without a name":    {auth(v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{}}), "name"},
		"a token without a key":      {auth(v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "s"}}), "key"},
		"an Alertmanager":            {spec: alertmanager("http://am:9093")},
		"a URL of one that is none":  {alertmanager("am:9093"), "http or https URL without credentials"},
		"the shortest times":         {spec: access(v1alpha1.BackendAccess{Timeout: duration(time.Second), Interval: duration(5 * time.Second)})},
		"the longest times":          {spec: access(v1alpha1.BackendAccess{Timeout: duration(2 * time.Minute), Interval: duration(time.Hour)})},
		"a timeout of nothing":       {access(v1alpha1.BackendAccess{Timeout: duration(0)}), "between 1s and 2m"},
		"a timeout of an hour":       {access(v1alpha1.BackendAccess{Timeout: duration(time.Hour)}), "between 1s and 2m"},
		"an interval of a second":    {access(v1alpha1.BackendAccess{Interval: duration(time.Second)}), "between 5s and 1h"},
		"an interval of a day":       {access(v1alpha1.BackendAccess{Interval: duration(24 * time.Hour)}), "between 5s and 1h"},
		"a budget":                   {spec: budget(v1alpha1.QueryBudget{MaxRange: duration(time.Hour), MinStep: duration(time.Second), MaxConcurrent: 1, MaxSeries: 1, MaxBytes: 65536})},
		"a range of a second":        {budget(v1alpha1.QueryBudget{MaxRange: duration(time.Second)}), "between 1m and 8784h"},
		"a step of a week":           {budget(v1alpha1.QueryBudget{MinStep: duration(168 * time.Hour)}), "between 1s and 24h"},
		"too much at once":           {budget(v1alpha1.QueryBudget{MaxConcurrent: 65}), "maxConcurrent"},
		"too many series":            {budget(v1alpha1.QueryBudget{MaxSeries: 5_000_001}), "maxSeries"},
		"answers of a few bytes":     {budget(v1alpha1.QueryBudget{MaxBytes: 10}), "maxBytes"},
		"a CA and a client":          {spec: access(v1alpha1.BackendAccess{TLS: &v1alpha1.BackendTLS{CA: key, ClientCertificate: &v1alpha1.SecretReference{Name: "s"}, ServerName: "p"}})},
		"a CA without a key":         {access(v1alpha1.BackendAccess{TLS: &v1alpha1.BackendTLS{CA: &v1alpha1.SecretKeyReference{Name: "s"}}}), "key"},
		"an account with a long one": {access(v1alpha1.BackendAccess{ServiceAccountName: strings.Repeat("a", 254)}), "serviceAccountName"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &v1alpha1.MetricsBackend{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, GenerateName: "v-"}, Spec: tc.spec}
			n.Validates(t, b, tc.want)
		})
	}
}

func TestTablesFitTheScreen(t *testing.T) {
	s := healthy()
	w := newWorld(t, s)
	w.backend()
	w.reconcile()
	long := &v1alpha1.MetricsBackend{ObjectMeta: w.Meta("production-victoria-metrics"), Spec: v1alpha1.MetricsBackendSpec{
		Type: v1alpha1.MetricsBackendVictoriaMetrics, VictoriaMetrics: &v1alpha1.VictoriaMetricsBackend{URL: "http://vm:8428"},
	}}
	w.Create(long)
	long.Status = w.get().Status
	long.Status.Version = "v1.102.0-enterprise-cluster"
	if err := w.Client.Status().Update(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(w.Table("metricsbackends", false), "\n")
	for line := range strings.Lines(lines) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > tenant.Screen {
			t.Errorf("%d columns, more than %d: %s", n, tenant.Screen, line)
		}
	}
	for _, part := range []string{"NAME", "TYPE", "VERSION", "READY   STATUS", "prometheus", "2.53.1", "True    the server answers queries"} {
		if !strings.Contains(lines, part) {
			t.Errorf("%q is not in\n%s", part, lines)
		}
	}
	if wide := strings.Join(w.Table("metricsbackends", true), "\n"); !strings.Contains(wide, "FIRING ALERTS   TARGETS DOWN") {
		t.Errorf("firing alerts and targets that are down are not in\n%s", wide)
	}
}
