// Package cloudevent writes messages as events of CloudEvents 1.0 in the structured JSON mode
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
	Findings   []notify.Finding  `json:"findings,omitempty"`
	Fixed      []notify.Finding  `json:"fixed,omitempty"`
	More       int               `json:"more,omitempty"`
}

// Encode a message: its id is the idempotency key, its source the Inspection, its type io.kubeops.report, .finding, .fixed or .test,
// and its subject the report, or the object that a single finding is about.
func Encode(m notify.Message) ([]byte, error) {
	e := event{
		SpecVersion: "1.0", Type: "io.kubeops." + string(m.Event), Source: "/kubeops", ID: m.Key, DataContentType: "application/json", Subject: m.Report,
		Data: data{m.Title, m.Text, m.Severity, m.Cluster, m.Namespace, m.Inspection, m.Report, m.Findings, m.Fixed, m.More},
	}
	for _, part := range []string{m.Namespace, m.Inspection} {
		if part != "" {
			e.Source += "/" + part
		}
	}
	if !m.Time.IsZero() {
		e.Time = m.Time.UTC().Format(time.RFC3339)
	}
	switch {
	case m.Event == notify.EventFinding && len(m.Findings) == 1:
		e.Subject = m.Findings[0].Line()
	case m.Event == notify.EventFixed && len(m.Fixed) == 1:
		e.Subject = m.Fixed[0].Line()
	}
	return json.Marshal(e)
}
