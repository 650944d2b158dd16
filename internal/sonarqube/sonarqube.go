// Package sonarqube reads quality gates of SonarQube by its Web API. Requests go through package provider, so that the egress rules of the
// manager hold.
package sonarqube

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

const (
	// Type in metrics.
	Type = "sonarqube"
	// defaultTimeout of a request.
	defaultTimeout = 8 * time.Second
	// analyses that are looked through for a revision, the newest first.
	analyses = 100
	// MaxConditions of a gate that are read.
	MaxConditions = 100
)

// Settings of a client.
type Settings struct {
	// Endpoint with the token.
	Endpoint provider.Endpoint
	// Egress says what may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory that responses take from; nil bounds each response only.
	Memory *provider.ResponseShare
	// Timeout of a request. Default 8s.
	Timeout time.Duration
}

// Client of a server. Close it.
type Client struct{ client *provider.Client }

// Open a client. It sends nothing. Errors are problems.
func Open(settings Settings) (*Client, error) {
	timeout := settings.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	client, err := provider.NewClient(settings.Endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: timeout, MaxBytes: provider.ProbeBytes}, Egress: settings.Egress,
		Metrics: settings.Metrics, Memory: settings.Memory,
	})
	if err != nil {
		return nil, err
	}
	return &Client{client: client}, nil
}

// Close idle connections.
func (c *Client) Close() { c.client.Close() }

// analysis of a project.
type analysis struct {
	Key      string `json:"key" max:"256"`
	Revision string `json:"revision" max:"256"`
}

// Analysis is the key of the newest analysis of a revision; empty if there is none among the last 100 of the branch. An empty branch is the
// main branch. Errors are problems.
func (c *Client) Analysis(ctx context.Context, project, branch, revision string) (string, error) {
	query := url.Values{"project": {project}, "ps": {"100"}}
	if branch != "" {
		query.Set("branch", branch)
	}
	var found struct {
		Analyses []analysis `json:"analyses"`
	}
	if err := c.get(ctx, "analyses", "/api/project_analyses/search", query, project, &found); err != nil {
		return "", err
	}
	for _, a := range found.Analyses[:min(len(found.Analyses), analyses)] {
		if a.Revision == revision && a.Key != "" {
			return a.Key, nil
		}
	}
	return "", nil
}

// task of the compute engine. The revision of its report is not known.
type task struct {
	Type        string `json:"type" max:"32"`
	Branch      string `json:"branch" max:"256"`
	PullRequest string `json:"pullRequest" max:"256"`
	SubmittedAt string `json:"submittedAt" max:"64"`
}

// report reports whether the task may add an analysis to a branch, of a report that was submitted until a time. Tasks of the main branch
// have no branch in some versions. A time that cannot be read counts.
func (t task) report(branch string, until time.Time) bool {
	const layout = "2006-01-02T15:04:05-0700"
	at, err := time.Parse(layout, t.SubmittedAt)
	return t.Type == "REPORT" && t.PullRequest == "" && (t.Branch == branch || t.Branch == "" || branch == "") &&
		(err != nil || !at.After(until))
}

// Pending reports whether the server has still to analyze a report of a branch that was submitted until a time. An empty branch is any, as
// the main branch has a name in some versions. Errors are problems.
func (c *Client) Pending(ctx context.Context, project, branch string, until time.Time) (bool, error) {
	var found struct {
		Queue []task `json:"queue"`
	}
	if err := c.get(ctx, "tasks", "/api/ce/component", url.Values{"component": {project}}, project, &found); err != nil {
		return false, err
	}
	return slices.ContainsFunc(found.Queue, func(t task) bool { return t.report(branch, until) }), nil
}

// Gate is the state of a quality gate.
type Gate struct {
	// Status is OK, ERROR, WARN, or NONE if there is no gate for the analysis.
	Status string `json:"status" max:"16"`
	// Conditions of the gate.
	Conditions []Condition `json:"conditions"`
}

// Condition of a quality gate.
type Condition struct {
	// Status is OK, ERROR, WARN or NO_VALUE.
	Status string `json:"status" max:"16"`
	// Metric, for example new_coverage.
	Metric string `json:"metricKey" max:"128"`
	// Comparator is LT or GT: the condition is not met by a value that is less or greater than Threshold.
	Comparator string `json:"comparator" max:"8"`
	// Threshold and Value as the server formats them.
	Threshold string `json:"errorThreshold" max:"64"`
	Value     string `json:"actualValue" max:"64"`
}

// Gate reads the quality gate of an analysis. Errors are problems.
func (c *Client) Gate(ctx context.Context, project, key string) (Gate, error) {
	var found struct {
		Gate *Gate `json:"projectStatus"`
	}
	err := c.get(ctx, "gate", "/api/qualitygates/project_status", url.Values{"analysisId": {key}}, project, &found)
	switch {
	case err != nil:
		return Gate{}, err
	case found.Gate == nil || found.Gate.Status == "":
		return Gate{}, c.client.Invalid(nil)
	}
	found.Gate.Conditions = found.Gate.Conditions[:min(len(found.Gate.Conditions), MaxConditions)]
	return *found.Gate, nil
}

// get decodes an answer. A project that does not exist, and one that the token may not see, have the same answer.
func (c *Client) get(ctx context.Context, operation, path string, query url.Values, project string, into any) error {
	answer, err := c.client.Do(ctx, provider.Request{Operation: operation, Path: path, Query: query})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.Status == http.StatusNotFound:
		return problem.UserError(v1alpha1.ReasonNotFound, nil,
			"%s has no project or branch of %q that the token can see (404); create it, or grant the user of the token the permission "+
				"Browse", c.client.Host(), project)
	case answer.Status < 200 || answer.Status > 299:
		return c.client.Refused(answer)
	}
	if err := answer.Decoder().Decode(into); err != nil {
		return c.client.DecodeProblem(err)
	}
	return nil
}
