// Package cloudevent encodes messages as CloudEvents 1.0 in the structured JSON mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
package cloudevent

import (
	"encoding/json"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
)

// ContentType of an encoded event.
const ContentType = "application/cloudevents+json"

// event in the order of the specification's examples.
type event struct {
	SpecVersion     string `json:"specversion"`
	Type            string `json:"type"`
	Source          string `json:"source"`
	Subject         string `json:"subject,omitempty"`
	ID              string `json:"id"`
	Time            string `json:"time,omitempty"`
	DataContentType string `json:"datacontenttype"`
	Data            data   `json:"data"`
}

type data struct {
	Title      string            `json:"title"`
	Text       string            `json:"text"`
	Severity   v1alpha1.Severity `json:"severity,omitempty"`
	Cluster    string            `json:"cluster,omitempty"`
	Namespace  string            `json:"namespace,omitempty"`
	Inspection string            `json:"inspection,omitempty"`
	Report     string            `json:"report,omitempty"`
	URL        string            `json:"url,omitempty"`
	Findings   []notify.Finding  `json:"findings,omitempty"`
	Fixed      []notify.Finding  `json:"fixed,omitempty"`
	More       int               `json:"more,omitempty"`
}

// Encode a message. The ID is the idempotency key, the source is the Inspection, the type is io.kubeops.report, .finding, .fixed,
// .pipeline or .test, and the subject is the report, or the object of a single finding.
func Encode(message notify.Message) ([]byte, error) {
	e := event{
		SpecVersion: "1.0", Type: "io.kubeops." + string(message.Event), Source: "/kubeops", Subject: message.Report,
		ID: message.Key, DataContentType: "application/json",
		Data: data{
			Title: message.Title, Text: message.Text, Severity: message.Severity, Cluster: message.Cluster, Namespace: message.Namespace,
			Inspection: message.Inspection, Report: message.Report, URL: message.URL, Findings: message.Findings, Fixed: message.Fixed,
			More: message.More,
		},
	}
	for _, part := range []string{message.Namespace, message.Inspection} {
		if part != "" {
			e.Source += "/" + part
		}
	}
	if !message.Time.IsZero() {
		e.Time = message.Time.UTC().Format(time.RFC3339)
	}
	switch {
	case message.Event == notify.EventFinding && len(message.Findings) == 1:
		e.Subject = message.Findings[0].Line()
	case message.Event == notify.EventFixed && len(message.Fixed) == 1:
		e.Subject = message.Fixed[0].Line()
	}
	return json.Marshal(e)
}
