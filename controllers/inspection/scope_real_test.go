package inspection

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/logbackend"
	"kubeops.io/kubeops/controllers/metricsbackend"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/testkit/canary"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// sharing is a tenant with a namespace-bound ServiceAccount, whose objects have the same names as those of the other tenant. Its word is in
// everything else that is stored of it.
type sharing struct {
	*world
	word string
}

func newSharing(t *testing.T, word string) *sharing {
	t.Helper()
	s := &sharing{newWorld(t), word}
	s.Reader(false)
	labels := map[string]string{"app": "db"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: "db:1"}}, AutomountServiceAccountToken: ptr.To(false),
	}}
	set := &appsv1.StatefulSet{ObjectMeta: s.Meta("db"), Spec: appsv1.StatefulSetSpec{
		ServiceName: "web", Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template,
	}}
	s.Create(set)
	pod := &corev1.Pod{ObjectMeta: s.Meta("db-0"), Spec: template.Spec}
	pod.Labels = labels
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: set.UID, Controller: ptr.To(true)}}
	s.Create(pod)
	ended := metav1.NewTime(s.Clock.Now().Add(-3 * time.Minute))
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &ended, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "app", RestartCount: 9, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: ended}},
	}}}
	if err := s.Client.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	s.Create(&corev1.Service{ObjectMeta: s.Meta("web"), Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80}}}})
	s.Create(&corev1.PersistentVolumeClaim{ObjectMeta: s.Meta("data"), Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}})
	return s
}

// history of four days: a volume that fills up, containers that restart, requests that fail, and a Node of the tenant's own.
func (s *sharing) history(now time.Time) string {
	var text strings.Builder
	write := func(metric, labels string, value func(ago time.Duration) float64) {
		for ago := 96 * time.Hour; ago >= 0; ago -= 10 * time.Minute {
			fmt.Fprintf(&text, "%s{namespace=%q,customer=%q,%s} %g %d\n", metric, s.Namespace, s.word, labels, value(ago), now.Add(-ago).Unix())
		}
	}
	since := func(hours float64, before, after float64) func(time.Duration) float64 { // counters
		return func(ago time.Duration) float64 {
			return before*(96-ago.Hours()) + after*math.Max(0, hours-ago.Hours())
		}
	}
	const gib = 1 << 30
	claim := `persistentvolumeclaim="data"`
	write("kubelet_volume_stats_available_bytes", claim, func(ago time.Duration) float64 { return (3 + ago.Hours()/24) * gib })
	write("kubelet_volume_stats_capacity_bytes", claim, func(time.Duration) float64 { return 100 * gib })
	write("kube_pod_container_status_restarts_total", `pod="db-0",container="app"`, since(4, 0, 12))
	write("http_requests_total", `service="web",pod="db-0",code="200"`, since(0, 36000, 0))
	write("http_requests_total", `service="web",pod="db-0",code="503"`, since(4, 3, 9000))
	write("container_memory_working_set_bytes", `pod="db-0",container="app"`, func(time.Duration) float64 { return gib })
	write("container_cpu_usage_seconds_total", `pod="db-0",container="app"`, since(0, 360, 0))
	node := fmt.Sprintf(`instance="%[1]s:9100",node="%[1]s",device="/dev/%[1]s",mountpoint="/var"`, s.word)
	write("node_filesystem_avail_bytes", node, func(ago time.Duration) float64 { return (11 + ago.Hours()/24) * gib })
	write("node_filesystem_size_bytes", node, func(time.Duration) float64 { return 100 * gib })
	return text.String()
}

// rules fire alerts about the tenant's objects, about no object, and about objects of the tenant that have words of the other in labels
// and annotations.
func (s *sharing) rules(other *sharing) string {
	var text strings.Builder
	add := func(name, labels, summary string) {
		fmt.Fprintf(&text, "      - alert: %s\n        expr: vector(1)\n        labels: {%s}\n        annotations: {summary: %q}\n", name, labels, summary)
	}
	add("Fires"+s.word, fmt.Sprintf("namespace: %s, pod: db-0, severity: critical, customer: %s", s.Namespace, s.word),
		"payroll database of "+s.word+" is down (host 10.9.8.7)")
	add("WithoutObject"+s.word, fmt.Sprintf("job: %s, customer: %[1]s", s.word), "billing of "+s.word)
	add("OfNamespace"+s.word, "namespace: "+s.Namespace, "quota of "+s.word)
	add("Shared", fmt.Sprintf("namespace: %s, pod: db-0, severity: %s, affected_pods: %s/%[2]s, exported_instance: %[2]s", s.Namespace,
		other.word, other.Namespace), "{{ $labels.affected_pods }} is down as well")
	// The error of a rule that cannot be evaluated names series.
	fmt.Fprintf(&text, "      - record: broken:%s\n        expr: label_replace(vector(1), \"customer\", \"%[1]s\", \"\", \"\") * on () group_left () "+
		"({__name__=~\"kubelet_volume_stats.*\",namespace=\"%[2]s\"})\n", s.word, s.Namespace)
	return text.String()
}

// scrapes are targets that are down: one of the tenant's, and one of its Pod that the other configured.
func (s *sharing) scrapes(other *sharing) string {
	target := func(id, job, instance string) string {
		return fmt.Sprintf("  - job_name: %q\n    static_configs: [{targets: [\"127.0.0.1:1\"], labels: {job: %q, instance: %q, namespace: %q, pod: db-0}}]\n",
			id, job, instance, s.Namespace)
	}
	return target("own-"+s.word, s.Namespace+"/web", "10.1.2.3:8080") + target("other-"+s.word, other.Namespace+"/"+other.word, other.word+":9090")
}

// lines that the tenant logged in the last hour, which fail, and before, which do not.
func (s *sharing) lines(now time.Time) []logs.Entry {
	labels := map[string]string{logs.LabelNamespace: s.Namespace, logs.LabelPod: "db-0", logs.LabelContainer: "app", "app": s.word}
	var entries []logs.Entry
	for minute := 160; minute > 3; minute-- {
		at := now.Add(-time.Duration(minute) * time.Minute)
		entries = append(entries, logs.Entry{Time: at, Line: "INFO served " + s.word, Labels: labels})
		if minute < 40 {
			entries = append(entries, logs.Entry{Time: at.Add(time.Second), Line: "ERROR cannot write order of " + s.word, Labels: labels})
		}
	}
	stranger := map[string]string{logs.LabelNamespace: s.Namespace, logs.LabelPod: s.word, logs.LabelContainer: s.word}
	return append(entries, logs.Entry{Time: now.Add(-time.Minute), Line: "panic: " + s.word, Labels: stranger})
}

// backends of a tenant, in its namespace.
func (s *sharing) backends(prometheus, lokiURL, victoriaLogs, elasticsearch string) (metrics *v1alpha1.MetricsBackend, list []*v1alpha1.LogBackend) {
	metrics = &v1alpha1.MetricsBackend{ObjectMeta: s.Meta("shared"), Spec: v1alpha1.MetricsBackendSpec{
		Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: prometheus},
	}}
	s.Create(metrics)
	for name, spec := range map[string]v1alpha1.LogBackendSpec{
		"loki":         {Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: lokiURL}},
		"victorialogs": {Type: v1alpha1.LogBackendVictoriaLogs, VictoriaLogs: &v1alpha1.VictoriaLogsBackend{URL: victoriaLogs}},
		"elasticsearch": {Type: v1alpha1.LogBackendElasticsearch, Elasticsearch: &v1alpha1.ElasticsearchBackend{
			URL: elasticsearch, Index: "logs-*", WriteIndex: "logs-tenants",
		}},
	} {
		b := &v1alpha1.LogBackend{ObjectMeta: s.Meta(name), Spec: spec}
		s.Create(b)
		list = append(list, b)
	}
	return metrics, list
}

// environment with the real types of backends.
func (s *sharing) environment() *environment.Environment {
	s.t.Helper()
	env := testsuite.NewEnvironment(s.t, s.Tenant, prometheus.NewRegistry())
	realBackends(s.t, env.Backends)
	return env
}

// realBackends registers the types of backends that the manager has.
func realBackends(t *testing.T, r *backends.Resolver) {
	t.Helper()
	var err error
	if r.MetricsTypes, err = builtin.Metrics(); err != nil {
		t.Fatal(err)
	}
	if r.LogTypes, err = builtin.Logs(); err != nil {
		t.Fatal(err)
	}
}

// store the tenant's lines in a backend.
func (s *sharing) store(env *environment.Environment, b *v1alpha1.LogBackend, now time.Time) {
	s.t.Helper()
	opened, err := env.Backends.OpenLogs(s.t.Context(), b)
	if err != nil {
		s.t.Fatal(err)
	}
	defer opened.Close()
	if err := opened.Provider.(logs.Writer).Write(s.t.Context(), s.lines(now)); err != nil {
		s.t.Fatal(err)
	}
}

// inspects with a log backend, and returns everything that the tenant can see of it.
func (s *sharing) inspects(env *environment.Environment, logBackend string, namespaces []string) v1alpha1.InspectionReport {
	s.t.Helper()
	i := &v1alpha1.Inspection{ObjectMeta: s.Meta("i"), Spec: v1alpha1.InspectionSpec{
		MetricsRef: &v1alpha1.LocalReference{Name: "shared"}, LogsRef: &v1alpha1.LocalReference{Name: logBackend}, Namespaces: namespaces,
		LogAnalysis: &v1alpha1.LogAnalysis{Baseline: &metav1.Duration{Duration: 90 * time.Minute}},
		Thresholds:  &v1alpha1.Thresholds{StartupGrace: &metav1.Duration{}},
		Timeout:     &metav1.Duration{Duration: 5 * time.Minute},
	}}
	s.Create(i)
	s.Settle(s.reconciler(func(on *setup) {
		on.env = env
		on.options.Backends = env.Backends
	}))
	report := s.Newest()
	s.Delete(s.Get())
	return report
}

// own are the checks that must find something of the tenant's own in its report.
func own() []string {
	return []string{
		// Forecasts and anomalies of restarts are walked as well, but depend on how the hour of the run falls into the history.
		"alert-firing", "scrape-target-down", "error-rate-anomaly", "log-new-error", "pod-crash-looping",
	}
}

// complete reports what is missing of the tenant's own in a report; servers take a moment until they find what was written.
func (s *sharing) complete(report v1alpha1.InspectionReport) error {
	found := map[string]bool{}
	for _, finding := range report.Findings {
		found[finding.Check] = true
	}
	for _, id := range own() {
		if !found[id] {
			return fmt.Errorf("%s: no finding %s; gaps %+v", s.word, id, report.Gaps)
		}
	}
	for _, text := range []string{"Alert Fires" + s.word, "Alert OfNamespace" + s.word, "cannot write order of " + s.word, "(of Pod db-0, from the log backend)"} {
		if len(canary.Find(report.Findings, text)) == 0 {
			return fmt.Errorf("%s: %q is not reported; gaps %+v", s.word, text, report.Gaps)
		}
	}
	return nil
}

// TestTwoTenantsOnOneServerOfEachKindSeeNothingOfEachOther has two tenants on one Prometheus, Loki, VictoriaLogs and Elasticsearch. No
// field of a report, status or event of one has a word of the other.
func TestTwoTenantsOnOneServerOfEachKindSeeNothingOfEachOther(t *testing.T) {
	elasticsearch, _ := servers.Elasticsearch(t, servers.ElasticsearchOptions{})
	lokiServer := servers.StartLoki(t, servers.LokiOptions{})
	victoriaLogs, _ := servers.VictoriaLogs(t)
	a, b := newSharing(t, "canaryalpha"), newSharing(t, "canarybeta")
	now := time.Now()
	prometheusURL, _ := servers.Prometheus(t, servers.PrometheusOptions{
		History:       a.history(now) + b.history(now),
		Rules:         "groups:\n  - name: " + a.word + "-" + b.word + "\n    rules:\n" + a.rules(b) + b.rules(a),
		ScrapeConfigs: a.scrapes(b) + b.scrapes(a),
	})
	for s, other := range map[*sharing]*sharing{a: b, b: a} {
		env := s.environment()
		metrics, list := s.backends(prometheusURL, lokiServer.URL, victoriaLogs, elasticsearch)
		for _, logBackend := range list {
			s.store(env, logBackend, now)
			testsuite.MustReconcile(t, logbackend.New(env, testsuite.Steady()), s.Tenant, logBackend)
		}
		testsuite.MustReconcile(t, metricsbackend.New(env, testsuite.Steady()), s.Tenant, metrics)
		var all []any
		for _, logBackend := range list {
			var report v1alpha1.InspectionReport
			s.Eventually(func() error {
				report = s.inspects(env, logBackend.Name, nil)
				return s.complete(report)
			})
			t.Logf("%s on %s: %d findings", s.word, logBackend.Name, len(report.Findings))
			for _, gap := range report.Gaps {
				if gap.Reason == v1alpha1.GapUnreadable || gap.Reason == v1alpha1.GapUnavailable || gap.Reason == v1alpha1.GapTimedOut {
					t.Errorf("%s on %s: %+v", s.word, logBackend.Name, gap)
				}
			}
			all = append(all, report, logBackend)
		}
		all = append(all, s.everything(metrics)...)
		for _, found := range canary.Find(all, other.word, other.Namespace, "10.9.8.7") {
			t.Errorf("%s: %s", s.word, found)
		}
		// A gap names a namespace that the spec names and that cannot be read; nothing else does.
		report := s.inspects(env, list[0].Name, []string{s.Namespace, other.Namespace})
		for _, found := range append(canary.Find(report.Findings, other.Namespace), canary.Find(report, other.word, "10.9.8.7")...) {
			t.Errorf("%s, with the namespace of the other: %s", s.word, found)
		}
	}
}

// everything else that the tenant sees.
func (s *sharing) everything(metrics *v1alpha1.MetricsBackend) []any {
	s.t.Helper()
	all := []any{s.Told(), metrics}
	for _, kind := range []client.ObjectList{
		&v1alpha1.InspectionReportList{}, &v1alpha1.InspectionList{}, &v1alpha1.MetricsBackendList{}, &v1alpha1.LogBackendList{}, &corev1.EventList{},
	} {
		if err := s.Client.List(s.t.Context(), kind, client.InNamespace(s.Namespace)); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, kind)
	}
	return all
}
