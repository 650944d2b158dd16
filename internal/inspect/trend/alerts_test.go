package trend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

func firingAlert(name string, pairs ...string) metrics.Alert {
	labels := labelled(pairs...)
	labels["alertname"] = name
	return metrics.Alert{
		Name: name, Labels: labels, State: "firing", Since: noon().Add(-time.Hour), Annotations: map[string]string{"summary": name + " is bad"},
	}
}

// ksm returns the target labels that kube-state-metrics adds to the labels of an object.
func ksm(pairs ...string) []string {
	return append([]string{
		"job", "kube-state-metrics", "instance", "10.1.0.9:8080", "namespace", "monitoring", "pod", "kube-state-metrics-6d4cf56db6-x2k4p",
		"service", "kube-state-metrics", "container", "kube-state-metrics",
	}, pairs...)
}

func TestAlertsAreJoinedToObjectsByLabels(t *testing.T) {
	for name, tc := range map[string]struct {
		labels []string
		want   string
	}{
		"a Pod counts for its workload":         {[]string{"namespace", "shop", "pod", "api-6d4cf56db6-x2k4p", "container", "api"}, "Deployment/shop/api"},
		"a deleted Pod":                         {[]string{"namespace", "shop", "pod", "api-77b9f8c5d4-zzzzz"}, "Deployment/shop/api"},
		"a deleted Pod of a StatefulSet":        {[]string{"namespace", "shop", "pod", "api-db-3"}, "StatefulSet/shop/api-db"},
		"a Deployment":                          {[]string{"namespace", "shop", "deployment", "api"}, "Deployment/shop/api"},
		"a Job of a CronJob":                    {[]string{"namespace", "shop", "job_name", "report-28311"}, "CronJob/shop/report"},
		"a claim and a node":                    {[]string{"namespace", "shop", "persistentvolumeclaim", "data", "node", "node-1", "job", "kubelet"}, "PersistentVolumeClaim/shop/data"},
		"a Service":                             {[]string{"namespace", "shop", "service", "api", "job", "api"}, "Service/shop/api"},
		"a node by name":                        {[]string{"node", "node-1"}, "Node/node-1"},
		"a node by address":                     {[]string{"instance", "10.0.0.1:10250", "job", "kubelet"}, "Node/node-1"},
		"a node measured by kube-state-metrics": {ksm("node", "node-1"), "Node/node-1"},
		"a Deployment measured by kube-state-metrics, exported labels": {ksm("exported_namespace", "shop", "deployment", "api"), "Deployment/shop/api"},
		"kube-state-metrics itself":                                    {ksm(), "Deployment/monitoring/kube-state-metrics"},
		"a disk measured by node-exporter":                             {[]string{"namespace", "monitoring", "pod", "prometheus-node-exporter-x2k4p", "instance", "10.9.9.9:9100", "job", "node-exporter"}, "Node/node-1"},
		"a namespace":                                                  {[]string{"namespace", "shop"}, "Namespace/shop"},
		"nothing":                                                      {[]string{"job", "billing"}, "MetricsBackend.kubeops.io/ops/main"},
		"an object of another cluster":                                 {[]string{"namespace", "nowhere", "deployment", "api"}, ""},
		"a node of another cluster":                                    {[]string{"node", "node-9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := shop(t)
			w := watching{listing: listing{&fake{t: t}}, alerts: []metrics.Alert{firingAlert("X", tc.labels...)}}
			Collect(t.Context(), Input{Provider: w, Graph: g, Backend: backend(), Wanting: wanting(facts.SourceAlerts)})
			var got []string
			for _, alert := range g.Alerts().Firing {
				got = append(got, alert.Object.String())
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAlertsAreGroupedWithoutHeartbeats(t *testing.T) {
	one := firingAlert("PodDown", "namespace", "shop", "pod", "api-6d4cf56db6-x2k4p", "severity", "warning")
	two := firingAlert("PodDown", "namespace", "shop", "pod", "api-77b9f8c5d4-zzzzz", "severity", "critical")
	two.Since = noon().Add(-2 * time.Hour)
	future := firingAlert("PodDown", "namespace", "shop", "pod", "api-77b9f8c5d4-zzzzz")
	future.Since = noon().Add(time.Hour)
	pending := firingAlert("Soon", "namespace", "shop")
	pending.State = "pending"
	other := firingAlert("Other", "cluster", "b", "namespace", "shop")
	w := watching{
		listing: listing{&fake{t: t}},
		alerts: []metrics.Alert{
			one,
			future,
			two,
			pending,
			firingAlert("Watchdog"),
			firingAlert("InfoInhibitor", "namespace", "shop"),
			other,
		},
	}
	g := shop(t)
	Collect(
		t.Context(),
		Input{
			Provider:    w,
			Graph:       g,
			Backend:     backend(),
			MatchLabels: map[string]string{"cluster": "a"},
			Wanting:     wanting(facts.SourceAlerts),
		},
	)
	want := []facts.FiringAlert{{
		Name: "PodDown", Object: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "api"}, Severity: "critical", Count: 3,
		Since:     noon().Add(-2 * time.Hour),
		Summaries: []string{"PodDown is bad"}, Labels: []string{"namespace=shop", "pod=api-6d4cf56db6-x2k4p"},
	}}
	if diff := cmp.Diff(want, g.Alerts().Firing); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOnlyInspectedNamespacesAreReported(t *testing.T) {
	w := watching{
		listing: listing{&fake{t: t, instant: map[string]metrics.Vector{
			`topk(1000, up{namespace=~"shop"} == 0)`: {}, `count(up{namespace!=""})`: {{Value: 3}},
		}}},
		alerts: []metrics.Alert{
			firingAlert("A", "namespace", "shop", "deployment", "api"),
			firingAlert("B", "namespace", "monitoring", "deployment", "kube-state-metrics"),
			firingAlert("C", "job", "billing"), firingAlert("D", "node", "node-1"),
		},
		targets: metrics.Targets{Down: 30, Broken: []metrics.BrokenTarget{{Job: "x", Instance: "a:1"}}},
		rules:   []metrics.Rule{{Name: "R", Health: "err"}},
	}
	g := shop(t)
	Collect(t.Context(), Input{
		Provider: w, Graph: g, Backend: backend(), Scope: scope.New(g, []string{"shop"}), Wanting: wanting(facts.SourceAlerts, facts.SourceTargets, facts.SourceRules),
	})
	if a := g.Alerts(); len(a.Firing) != 1 || a.Firing[0].Name != "A" || len(a.Down) > 0 || a.MoreDown > 0 || len(a.BrokenRules) > 0 {
		t.Errorf("got %+v", a)
	}
}

func TestNumberOfAlertsIsBounded(t *testing.T) {
	w := watching{listing: listing{&fake{t: t}}}
	for i := range 500 {
		w.alerts = append(w.alerts,
			firingAlert(fmt.Sprintf("Alert%03d", i), "namespace", "shop", "severity", []string{"info", "critical"}[i%2]))
	}
	w.alerts = append(w.alerts,
		firingAlert(strings.Repeat("x", 1<<20), "namespace", "shop", "severity", "critical", "long", strings.Repeat("y", 1<<20)))
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: w, Graph: g, Backend: backend(), Wanting: wanting(facts.SourceAlerts)})
	a := g.Alerts()
	if len(a.Firing) != maxAlerts || a.More != 301 || a.Firing[0].Severity != "critical" || len(gaps) != 1 ||
		gaps[0].Reason != v1alpha1.GapIncomplete {
		t.Errorf("%d alerts and %d more, gaps %v", len(a.Firing), a.More, gaps)
	}
	for _, alert := range a.Firing {
		if len(alert.Name) > maxName || len(strings.Join(alert.Labels, "")) > maxAlertLabels*maxName {
			t.Errorf("alert name or labels too long: %d", len(alert.Name))
		}
	}
}

func TestTargetsAndRulesThatFailAreReported(t *testing.T) {
	w := watching{
		listing: listing{&fake{t: t}},
		targets: metrics.Targets{Up: 3, Down: 6, Broken: []metrics.BrokenTarget{
			{
				Job:      "api",
				Instance: "10.1.0.2:8080",
				Error:    "refused",
				Labels:   labelled("namespace", "shop", "service", "api", "pod", "api-6d4cf56db6-x2k4p"),
			},
			{Job: "api", Instance: "10.1.0.1:8080", Error: "timed out", Labels: labelled("namespace", "shop", "service", "api")},
			{
				Job:      "node-exporter",
				Instance: "10.0.0.1:9100",
				Labels:   labelled("namespace", "monitoring", "pod", "prometheus-node-exporter-x2k4p"),
			},
			{Job: "far", Instance: "example.com:443"},
		}},
		rules: []metrics.Rule{
			{Group: "g", Name: "Good", Health: "ok"},
			{Group: "g", Name: "Bad", Kind: "alerting", Health: "err", Error: "many-to-many"},
		},
	}
	g := shop(t)
	Collect(t.Context(), Input{Provider: w, Graph: g, Backend: backend(), Wanting: wanting(facts.SourceTargets, facts.SourceRules)})
	want := &facts.Alerts{
		Backend: backend(), MoreDown: 2,
		Down: []facts.DownTarget{
			{Object: facts.Ref{Kind: facts.Node, Name: "node-1"}, Job: "node-exporter", Instances: []string{"10.0.0.1:9100"}},
			{Object: backend(), Job: "far", Instances: []string{"example.com:443"}},
			{
				Object: facts.Ref{Kind: facts.Service, Namespace: "shop", Name: "api"}, Job: "api",
				Instances: []string{"10.1.0.1:8080", "10.1.0.2:8080"}, Error: "timed out",
			},
		},
		BrokenRules: []facts.BrokenRule{{Group: "g", Name: "Bad", Alerting: true, Error: "many-to-many"}},
	}
	if diff := cmp.Diff(want, g.Alerts()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAlertsAreReadFromSeriesWithoutAnAlertsAPI(t *testing.T) {
	f := &fake{t: t, instant: map[string]metrics.Vector{
		`ALERTS{alertstate="firing"}`: {
			{Labels: labelled("alertname", "X", "namespace", "shop", "deployment", "api", "severity", "page"), Value: 1},
		},
		`topk(1000, up{} == 0)`: {{Labels: labelled("job", "api", "instance", "a:1", "namespace", "shop", "service", "api")}},
	}}
	g := shop(t)
	Collect(
		t.Context(),
		Input{
			Provider: listing{f},
			Graph:    g,
			Backend:  backend(),
			Wanting:  wanting(facts.SourceAlerts, facts.SourceTargets, facts.SourceRules),
		},
	)
	if a := g.Alerts(); len(a.Firing) != 1 || a.Firing[0].Object.Name != "api" || len(a.Down) != 1 || g.Provided(facts.SourceRules) {
		t.Errorf("got %+v", a)
	}
}

func TestTargetsWithoutTheLabelNamespaceAreAGap(t *testing.T) {
	f := &fake{t: t, instant: map[string]metrics.Vector{`topk(1000, up{namespace=~"shop"} == 0)`: {}, `count(up{namespace!=""})`: {}}}
	g := shop(t)
	gaps := Collect(t.Context(), Input{
		Provider: listing{f}, Graph: g, Scope: scope.New(g, []string{"shop"}), Backend: backend(), Wanting: wanting(facts.SourceTargets),
	})
	if len(gaps) != 1 || gaps[0].Source != "metrics: up with the label namespace" || gaps[0].Optional || g.Provided(facts.SourceTargets) {
		t.Errorf("gaps %+v, provided %v", gaps, g.Provided(facts.SourceTargets))
	}
}
