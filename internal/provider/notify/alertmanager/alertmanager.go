// Package alertmanager makes findings alerts of an Alertmanager, by its API v2
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). An alert resolves when its finding is fixed.
package alertmanager

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/post"
)

// Type of the channel.
const Type = string(v1alpha1.ChannelAlertmanager)

const (
	// holds is how long an alert lasts that no later report renews or ends. Each report renews those of all findings that are on.
	holds = 7 * 24 * time.Hour
	// testHolds is how long the alert of the test lasts.
	testHolds = 5 * time.Minute
	path      = "/api/v2/alerts"
)

// Channel posts alerts.
type Channel struct {
	*post.Poster
	labels map[string]string
}

// alert as the API takes it.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// New checks the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	for name := range settings.Labels {
		if !isLabelName(name) {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.alertmanager.labels: %q is no name of a label of Prometheus; use letters, digits and _", name)
		}
	}
	settings.Endpoint.URL = strings.TrimRight(settings.Endpoint.URL, "/") + path
	poster, err := post.New(settings, v1alpha1.ChannelAlertmanager)
	if err != nil {
		return nil, err
	}
	return &Channel{Poster: poster, labels: settings.Labels}, nil
}

// isLabelName as https://prometheus.io/docs/concepts/data_model/ has it, so that every Alertmanager takes it.
func isLabelName(name string) bool {
	for i, c := range []byte(name) {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// Send posts the alerts of one message. Findings that are told again renew theirs.
func (c *Channel) Send(ctx context.Context, m notify.Message) error {
	body, err := json.Marshal(c.alerts(m))
	if err != nil {
		return err
	}
	answer, err := c.Do(ctx, post.Request{Body: body, ContentType: "application/json"})
	if err != nil {
		return err
	}
	return c.Accepted(answer)
}

// Probe asks for the status, which every Alertmanager tells.
func (c *Channel) Probe(ctx context.Context) error {
	var status struct {
		VersionInfo *struct{ Version string }
	}
	if err := c.JSON(ctx, provider.Request{Operation: "probe", Path: c.Path(path) + "/api/v2/status"}, &status); err != nil {
		return err
	}
	if status.VersionInfo == nil {
		return c.Invalid(nil)
	}
	return nil
}

func (c *Channel) alerts(m notify.Message) []alert {
	list := []alert{}
	for _, f := range m.Findings {
		starts := m.Time
		if f.FirstSeen != nil && f.FirstSeen.Before(starts) {
			starts = *f.FirstSeen
		}
		list = append(list, alert{Labels: c.of(m, f), Annotations: annotations(m, f), StartsAt: starts, EndsAt: m.Time.Add(holds)})
	}
	for _, f := range m.Fixed {
		// The same labels as while it was on. The beginning lies before the end, which is all that is asked of it.
		list = append(list, alert{Labels: c.of(m, f), Annotations: annotations(m, f), StartsAt: m.Time.Add(-time.Second), EndsAt: m.Time})
	}
	if m.Event == notify.EventTest {
		now := time.Now().UTC().Truncate(time.Second)
		labels := c.with(map[string]string{"alertname": "KubeOpsTest", "severity": string(v1alpha1.SeverityInfo), "namespace": m.Namespace})
		list = append(list, alert{Labels: labels, Annotations: map[string]string{"summary": m.Title, "description": m.Text}, StartsAt: now, EndsAt: now.Add(testHolds)})
	}
	return list
}

// of are the labels of a finding: by them an Alertmanager knows an alert again, so that nothing is among them that changes while the
// finding stays.
func (c *Channel) of(m notify.Message, f notify.Finding) map[string]string {
	return c.with(map[string]string{
		"alertname": f.Check, "severity": string(f.Severity), "category": string(f.Category), "cluster": m.Cluster, "namespace": f.Object.Namespace,
		"kind": f.Object.Kind, "name": f.Object.Name, "inspection": m.Namespace + "/" + m.Inspection, "finding": f.ID,
	})
}

// with adds the labels of the spec where there is no own one: two findings must never become one alert. Empty ones are left out, as
// Alertmanager does.
func (c *Channel) with(labels map[string]string) map[string]string {
	for name, value := range c.labels {
		if labels[name] == "" {
			labels[name] = value
		}
	}
	for name, value := range labels {
		if value == "" {
			delete(labels, name)
		}
	}
	return labels
}

func annotations(m notify.Message, f notify.Finding) map[string]string {
	told := map[string]string{"summary": f.Line() + ": " + f.Message, "report": m.Namespace + "/" + m.Report}
	if f.Remediation != "" {
		told["description"] = f.Remediation
	}
	if f.Explanation != "" {
		told["explanation"] = f.Explanation
	}
	return told
}
