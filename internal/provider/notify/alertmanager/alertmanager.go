// Package alertmanager sends findings as alerts to an Alertmanager, through its API v2
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). An alert resolves when its finding is fixed.
package alertmanager

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// Type of the channel.
const Type = string(v1alpha1.ChannelAlertmanager)

const (
	// alertDuration is when an alert ends that no later report renews or resolves. Each report renews the alerts of its findings.
	alertDuration     = 7 * 24 * time.Hour
	testAlertDuration = 5 * time.Minute
	alertsPath        = "/api/v2/alerts"
	statusPath        = "/api/v2/status"
)

// Channel posts alerts.
type Channel struct {
	*httppost.Client
	labels map[string]string
}

// alert of the API.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// New validates the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	for name := range settings.Labels {
		if !isLabelName(name) {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
				"spec.alertmanager.labels: %q is not a valid Prometheus label name; use letters, digits and _", name)
		}
	}
	settings.Endpoint.URL = strings.TrimRight(settings.Endpoint.URL, "/") + alertsPath
	client, err := httppost.New(settings, v1alpha1.ChannelAlertmanager)
	if err != nil {
		return nil, err
	}
	return &Channel{Client: client, labels: settings.Labels}, nil
}

// isLabelName checks the classic rules of Prometheus (https://prometheus.io/docs/concepts/data_model/), which every version of
// Alertmanager accepts.
func isLabelName(name string) bool {
	for i, c := range []byte(name) {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// Send posts the alerts of one message. A finding that is sent again renews its alert.
func (c *Channel) Send(ctx context.Context, message notify.Message) error {
	body, err := json.Marshal(c.alerts(message))
	if err != nil {
		return err
	}
	response, err := c.Post(ctx, httppost.Request{Body: body, ContentType: "application/json"})
	if err != nil {
		return err
	}
	return c.CheckResponse(response)
}

// Probe requests the status.
func (c *Channel) Probe(ctx context.Context) error {
	var status struct {
		VersionInfo *struct{ Version string }
	}
	request := provider.Request{Operation: "probe", Path: c.PathBefore(alertsPath) + statusPath}
	if err := c.JSON(ctx, request, &status); err != nil {
		return err
	}
	if status.VersionInfo == nil {
		return c.Invalid(nil)
	}
	return nil
}

func (c *Channel) alerts(message notify.Message) []alert {
	alerts := []alert{}
	for _, finding := range message.Findings {
		startsAt := message.Time
		if finding.FirstSeen != nil && finding.FirstSeen.Before(startsAt) {
			startsAt = *finding.FirstSeen
		}
		alerts = append(alerts, c.findingAlert(message, finding, startsAt, message.Time.Add(alertDuration)))
	}
	for _, finding := range message.Fixed {
		// Alertmanager identifies the alert by its labels. The start only has to be before the end.
		alerts = append(alerts, c.findingAlert(message, finding, message.Time.Add(-time.Second), message.Time))
	}
	if message.Event == notify.EventTest {
		alerts = append(alerts, c.testAlert(message))
	}
	return alerts
}

func (c *Channel) findingAlert(message notify.Message, finding notify.Finding, startsAt, endsAt time.Time) alert {
	return alert{
		Labels: c.findingLabels(message, finding), Annotations: annotations(message, finding), StartsAt: startsAt, EndsAt: endsAt,
	}
}

func (c *Channel) testAlert(message notify.Message) alert {
	now := time.Now().UTC().Truncate(time.Second)
	labels := map[string]string{
		"alertname": "KubeOpsTest", "severity": string(v1alpha1.SeverityInfo), "namespace": message.Namespace,
	}
	return alert{
		Labels:      c.withSpecLabels(labels),
		Annotations: map[string]string{"summary": message.Title, "description": message.Text},
		StartsAt:    now,
		EndsAt:      now.Add(testAlertDuration),
	}
}

// findingLabels identify an alert. They contain nothing that changes while the finding persists.
func (c *Channel) findingLabels(message notify.Message, finding notify.Finding) map[string]string {
	return c.withSpecLabels(map[string]string{
		"alertname": finding.Check, "severity": string(finding.Severity), "category": string(finding.Category),
		"cluster": message.Cluster, "namespace": finding.Object.Namespace, "kind": finding.Object.Kind, "name": finding.Object.Name,
		"inspection": message.Namespace + "/" + message.Inspection, "finding": finding.ID,
	})
}

// withSpecLabels adds the labels of the spec. They do not replace labels that are set: two findings must never become one alert.
// Empty labels are left out, as Alertmanager does.
func (c *Channel) withSpecLabels(labels map[string]string) map[string]string {
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

// annotations are text that Alertmanager puts into chats and mails.
func annotations(message notify.Message, finding notify.Finding) map[string]string {
	annotations := map[string]string{
		"summary":     printable.Unlinked(printable.Line(finding.Line() + ": " + finding.Message)),
		"report":      message.Namespace + "/" + message.Report,
		"dashboard":   message.URL,
		"description": printable.Unlinked(printable.Block(finding.Remediation)),
		"explanation": printable.Unlinked(printable.Line(finding.Explanation)),
	}
	maps.DeleteFunc(annotations, func(_, text string) bool { return text == "" })
	return annotations
}
