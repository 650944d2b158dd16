package alertmanager

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/notify"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestAlertmanagerGetsAnAlertForEachFinding(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: New, Path: "/prefix", TakesAnything: true,
		Check: func(t *testing.T, m notify.Message, r *http.Request, body []byte) {
			var sent []alert
			if err := json.Unmarshal(body, &sent); err != nil || r.URL.Path != "/prefix/api/v2/alerts" {
				t.Fatalf("%s: %v", r.URL.Path, err)
			}
			if want := max(len(m.Findings)+len(m.Fixed), 1); len(sent) != want {
				t.Fatalf("%d alerts, want %d", len(sent), want)
			}
			for _, a := range sent {
				if a.Labels["alertname"] == "" || a.Labels["team"] != "shop" || !a.StartsAt.Before(a.EndsAt) {
					t.Errorf("got %+v", a)
				}
				for name, value := range a.Labels {
					if value == "" {
						t.Errorf("label %s is empty", name)
					}
				}
			}
		},
		Refusals: []conformance.Refusal{{Status: 400, Body: `"start time must be before end time"`, Reason: v1alpha1.ReasonRejected}},
	})
}

func TestLabelsOfTheSpecDoNotReplaceOwnLabels(t *testing.T) {
	c := &Channel{labels: map[string]string{"finding": "one", "severity": "page", "cluster": "blue", "team": "shop"}}
	labels := c.alerts(conformance.Messages()[0])[0].Labels
	for name, want := range map[string]string{"finding": "f1", "severity": "critical", "cluster": "blue", "team": "shop"} {
		if labels[name] != want {
			t.Errorf("label %s is %q, want %q", name, labels[name], want)
		}
	}
}

func TestInvalidLabelNamesAreRejected(t *testing.T) {
	for name, good := range map[string]bool{
		"team": true, "_a1": true, "A": true, "": false, "1a": false, "a-b": false, "a.b": false, "größe": false,
	} {
		_, err := New(notify.Settings{Endpoint: provider.Endpoint{URL: "http://localhost"}, Labels: map[string]string{name: "x"}})
		p := problem.As(err)
		if good && err != nil || !good && (p == nil || p.Reason != v1alpha1.ReasonInvalidSpec) {
			t.Errorf("label %q: %v", name, err)
		}
	}
}

// active alerts of a real Alertmanager, by name.
func active(t *testing.T, url string) map[string]map[string]string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v2/alerts?active=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var alerts []struct{ Labels map[string]string }
	if err := json.NewDecoder(response.Body).Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	for _, a := range alerts {
		found[a.Labels["alertname"]] = a.Labels
	}
	return found
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("the condition was not met in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestAlertsOfARealAlertmanagerResolveWhenTheFindingIsFixed(t *testing.T) {
	url, process := servers.Alertmanager(t, servers.AlertmanagerOptions{})
	c, err := New(
		notify.Settings{
			Endpoint: provider.Endpoint{URL: url + "/"}, Labels: map[string]string{"team": "shop"}, Timeout: 5 * time.Second,
			Egress: provider.Egress{AllowLoopback: true},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	prober := c.(notify.Prober)
	if err := prober.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	on, test := conformance.Messages()[0], conformance.Messages()[3]
	on.Time = time.Now().UTC().Truncate(time.Second)
	on.Findings[0].FirstSeen = nil
	for _, m := range []notify.Message{on, on, test} {
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { return len(active(t, url)) == 2 })
	labels := active(t, url)["pod-crash-looping"]
	if labels["severity"] != "critical" || labels["kind"] != "Deployment" || labels["namespace"] != "shop" || labels["name"] != "cart" ||
		labels["inspection"] != "shop/all" || labels["team"] != "shop" {
		t.Errorf("labels %v", labels)
	}
	worse := on
	high := on.Findings[0]
	high.Severity = v1alpha1.SeverityHigh
	worse.Findings = []notify.Finding{high}
	worse.Fixed = on.Findings // one severity begins, the other ends
	if err := c.Send(t.Context(), worse); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		return len(active(t, url)) == 2 && active(t, url)["pod-crash-looping"]["severity"] == "high"
	})
	fixed := on
	on.Findings = worse.Findings
	fixed.Findings = nil
	fixed.Fixed = on.Findings
	fixed.Event = notify.EventFixed
	if err := c.Send(t.Context(), fixed); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { _, there := active(t, url)["pod-crash-looping"]; return !there })
	process.Stop()
	if p := problem.As(prober.Probe(t.Context())); p == nil || p.Reason != v1alpha1.ReasonUnreachable {
		t.Errorf("stopped: %v", p)
	}
	if p := problem.As(c.Send(t.Context(), on)); p == nil || p.Reason != v1alpha1.ReasonUnreachable {
		t.Errorf("stopped: %v", p)
	}
}

func TestAnnotationsArePrintableAndHaveNoLinks(t *testing.T) {
	const hostile = "see https://evil.example @here\n\x1b[2J\u202e"
	finding := notify.Finding{
		Object:  v1alpha1.ObjectReference{Kind: "Role", Namespace: "shop", Name: hostile},
		Message: hostile, Remediation: hostile, Explanation: hostile,
	}
	for name, text := range annotations(notify.Message{Namespace: "shop", Report: "all-1"}, finding) {
		for _, forbidden := range []string{"https://", "@here", "\x1b", "\u202e"} {
			if strings.Contains(text, forbidden) {
				t.Errorf("%s contains %q: %q", name, forbidden, text)
			}
		}
	}
	labels := (&Channel{}).findingLabels(notify.Message{}, finding)
	if labels["name"] != hostile {
		t.Errorf("the label that identifies the object is %q", labels["name"])
	}
}
