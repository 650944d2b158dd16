package tools

import (
	"context"
	"errors"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Sources are what tools read beside the cluster. Backends hold the data of everyone: only what belongs to Pods and claims that the cluster
// shows is returned. A source that is nil has no tool.
type Sources struct {
	// Metrics for tool metric, and MatchLabels, the labels that the series of this cluster have in a backend of several clusters.
	Metrics     metrics.Provider
	MatchLabels map[string]string
	// Logs for tool log_templates.
	Logs logs.Provider
	// History for tool history.
	History History
	// Redact removes secrets from log lines before their templates are found, since a part of a secret is not recognized. Required with
	// Logs.
	Redact func(string) string
}

// History is the reports of one Inspection.
type History interface {
	// Earlier calls each with the reports before the one that is explained, the newest first, until it returns false.
	Earlier(ctx context.Context, each func(*v1alpha1.InspectionReport) bool) error
}

// With returns a set that also has the tools of sources.
func (s *Set) With(sources Sources) *Set {
	with := *s
	with.sources = sources
	with.tools = slices.Clone(s.tools)
	if sources.Metrics != nil {
		with.tools = append(with.tools, metricTool())
	}
	if sources.Logs != nil && sources.Redact != nil {
		with.tools = append(with.tools, logTemplatesTool())
	}
	if sources.History != nil {
		with.tools = append(with.tools, historyTool())
	}
	return &with
}

// backendRefusal describes an error of a backend by its reason alone: its message may quote the server.
func backendRefusal(ctx context.Context, backend string, err error) error {
	switch p := problem.As(err); {
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return refuse("the %s did not respond in time", backend)
	case p != nil && p.Reason != "":
		return refuse("the %s could not be read (%s)", backend, p.Reason)
	}
	return refuse("the %s could not be read", backend)
}
