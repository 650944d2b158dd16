package loki

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

// pushed is a stream as it is written.
type pushed struct {
	Stream map[string]string `json:"stream"`
	Values [][]any           `json:"values"`
}

// Write stores lines. Only labels with few values become labels of the stream, for each combination of them is a stream of its
// own in Loki; the others, level among them, become structured metadata of the line (Loki 3, or 2.9 where it is allowed).
func (p *Provider) Write(ctx context.Context, entries []logs.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	content, err := json.Marshal(map[string]any{"streams": p.names.streams(entries)})
	if err != nil {
		return err
	}
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: "write", Method: http.MethodPost, Path: "/loki/api/v1/push", Body: content, ContentType: "application/json",
		MaxBytes: provider.ProbeBytes,
	})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.Status == http.StatusNoContent:
		return nil
	case answer.Status == http.StatusBadRequest:
		return problem.Retrying(v1alpha1.ReasonNotIngesting, nil,
			"%s rejected the lines (400); check limits_config: age, length and labels of lines, allow_structured_metadata", p.client.Host())
	case answer.Status >= 200 && answer.Status < 300:
		return p.read(answer)
	}
	return p.refused(answer)
}

// read an answer that should have been empty, to report what is wrong: too late, too large, or not from Loki.
func (p *Provider) read(answer *provider.Answer) error {
	if told := problem.As(answer.Decoder().Skip()); told != nil {
		return told
	}
	return p.client.Invalid(nil)
}

// streams of lines, each with its lines in the order they came.
func (n *names) streams(entries []logs.Entry) []*pushed {
	var list []*pushed
	byLabels := map[string]*pushed{}
	for _, entry := range entries {
		labels, metadata := n.split(entry.Labels)
		key, _ := json.Marshal(labels)
		stream := byLabels[string(key)]
		if stream == nil {
			stream = &pushed{Stream: labels}
			byLabels[string(key)] = stream
			list = append(list, stream)
		}
		value := []any{strconv.FormatInt(nanos(entry.Time), 10), lines.Clean(entry.Line)}
		if len(metadata) > 0 {
			value = append(value, metadata)
		}
		stream.Values = append(stream.Values, value)
	}
	return list
}

// split labels into those of the stream and metadata of the line.
func (n *names) split(labels map[string]string) (stream, metadata map[string]string) {
	stream, metadata = map[string]string{}, map[string]string{}
	ofStream := []string{logs.LabelNamespace, logs.LabelPod, logs.LabelContainer, logs.LabelNode, labelApp, logs.LabelProbe}
	for label, value := range labels {
		name := n.of(label)[0]
		switch {
		case value == "":
		case slices.Contains(ofStream, label):
			stream[name] = value
		default:
			metadata[name] = value
		}
	}
	if len(stream) == 0 {
		// A stream needs one label at least.
		stream[labelApp] = "kubeops"
	}
	return stream, metadata
}
