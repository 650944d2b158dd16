// Package quality is the stage that fails unless code is good enough: by the quality gate of SonarQube for the analysis of a revision, or
// by the findings in a report that an earlier build archived. It starts nothing outside, so that an attempt can be repeated at any time;
// its handle is the revision, or the path of the report.
package quality

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/sonarqube"
)

const (
	// lookAgain for an analysis or a gate.
	lookAgain = 10 * time.Second
	// clockSkew between this process and SonarQube. Reports that were submitted later than that after the start of the stage are those of
	// other runs, which could follow each other forever.
	clockSkew = time.Minute
	// maxRevision is the length of a revision.
	maxRevision = 128
	// maxShown conditions of a diagnosis.
	maxShown = 19
	// reasonAnalyzing of a stage whose revision has no analysis yet.
	reasonAnalyzing = "AwaitingAnalysis"
)

// Driver reads quality gates and reports.
type Driver struct {
	// OpenBuilds opens a client of a CIProvider, which the driver closes; required. Errors are problems.
	OpenBuilds func(ctx context.Context, key client.ObjectKey) (*backends.Builds, error)
	// Runs lists PipelineRuns, possibly from a cache without their stages, and Reader reads them without a cache; required.
	Runs, Reader client.Reader
	// Secrets reads tokens; required.
	Secrets *secretref.Source
	// Egress says which servers may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory of responses; nil bounds each response only.
	Memory *provider.ResponseMemory
}

// open the server of an attempt. The caller closes it.
func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*sonarqube.Client, error) {
	spec := attempt.Stage.Quality.SonarQube
	field := "stage " + attempt.Stage.Name + ": quality.sonarQube."
	target, err := url.Parse(spec.URL)
	if err != nil || target.Scheme != "https" && !spec.PlainHTTP {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%surl must be https: the token would be sent unencrypted; correct it, or set plainHTTP", field)
	}
	secrets := d.Secrets.For(attempt.Namespace, attempt.ServiceAccount)
	endpoint := provider.Endpoint{
		URL: spec.URL, Fields: provider.Fields{URL: field + "url", Auth: field + "tokenRef", TLS: field + "caRef"},
	}
	token, err := secrets.Text(ctx, spec.TokenRef, field+"tokenRef")
	if err != nil {
		return nil, err
	}
	// As the user name of HTTP basic authentication every version accepts a token, as a bearer token later ones only.
	endpoint.Auth = provider.Auth{Username: token}
	if spec.CARef != nil {
		if endpoint.TLS.CA, err = secrets.CA(ctx, *spec.CARef, field+"caRef"); err != nil {
			return nil, err
		}
	}
	settings := sonarqube.Settings{Endpoint: endpoint, Egress: d.Egress, Metrics: d.Metrics}
	if d.Memory != nil {
		settings.Memory = d.Memory.For(attempt.Namespace)
	}
	return sonarqube.Open(settings)
}

// Check implements pipeline.Driver: the token can see the project, or the build server keeps artifacts.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	where := "stage " + attempt.Stage.Name
	if attempt.Stage.Quality.SARIF != nil {
		return problem.In(where, d.checkReport(ctx, attempt))
	}
	server, err := d.open(ctx, attempt)
	if err != nil {
		return problem.In(where, err)
	}
	defer server.Close()
	spec := attempt.Stage.Quality.SonarQube
	_, err = server.Analysis(ctx, spec.Project, spec.Branch, "")
	return problem.In(where, err)
}

// Start implements pipeline.Driver.
func (d *Driver) Start(_ context.Context, attempt pipeline.Attempt) (string, error) {
	if report := attempt.Stage.Quality.SARIF; report != nil {
		return report.Artifact, nil
	}
	revision := attempt.Values[v1alpha1.OutputRevision]
	if revision == "" || len(revision) > maxRevision || strings.ContainsFunc(revision, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", problem.UserError(v1alpha1.ReasonInvalidParameter, nil, "quality.sonarQube.revision %s is no revision",
			names.Quote(revision))
	}
	return revision, nil
}

// Find implements pipeline.Driver. Nothing was started outside.
func (d *Driver) Find(context.Context, pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Never}, nil
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	observe := d.observe
	if attempt.Stage.Quality.SARIF != nil {
		observe = d.observeReport
	}
	o, err := observe(ctx, attempt, handle)
	if p := problem.As(err); p != nil && p.Action == problem.UserMustAct {
		return pipeline.Observation{State: pipeline.Failed, Reason: p.Reason, Message: p.Message}, nil
	}
	return o, err
}

func (d *Driver) observe(ctx context.Context, attempt pipeline.Attempt, revision string) (pipeline.Observation, error) {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Observation{}, err
	}
	defer server.Close()
	spec := attempt.Stage.Quality.SonarQube
	// In this order: what is analyzed in between has ended before its analysis is looked for.
	pending, err := server.Pending(ctx, spec.Project, spec.Branch, attempt.Started.Add(clockSkew))
	if err != nil {
		return pipeline.Observation{}, err
	}
	if pending {
		return pipeline.Observation{
			Reason: reasonAnalyzing, After: lookAgain,
			Message: fmt.Sprintf("project %s has a report that SonarQube has still to analyze, which may be that of revision %s",
				spec.Project, revision),
		}, nil
	}
	key, err := server.Analysis(ctx, spec.Project, spec.Branch, revision)
	if err != nil {
		return pipeline.Observation{}, err
	}
	if key == "" {
		return pipeline.Observation{
			Reason: reasonAnalyzing, After: lookAgain,
			Message: fmt.Sprintf("project %s has no analysis of revision %s among its last 100", spec.Project, revision),
		}, nil
	}
	gate, err := server.Gate(ctx, spec.Project, key)
	if err != nil {
		return pipeline.Observation{}, err
	}
	o := judge(attempt.Stage.Quality, gate)
	o.URL = strings.TrimSuffix(spec.URL, "/") + "/dashboard?id=" + url.QueryEscape(spec.Project)
	if o.State == pipeline.Succeeded {
		o.Outputs = map[string]string{v1alpha1.OutputGate: gate.Status, v1alpha1.OutputAnalysis: key}
	}
	return o, nil
}

// judge a quality gate. WARN is of old versions, whose gates it does not fail.
func judge(stage *v1alpha1.QualityStage, gate sonarqube.Gate) pipeline.Observation {
	project := stage.SonarQube.Project
	switch gate.Status {
	case "OK", "WARN":
		return pipeline.Observation{State: pipeline.Succeeded, Message: fmt.Sprintf("project %s passes its quality gate", project)}
	case "NONE":
		return noData(stage, fmt.Sprintf("project %s has no quality gate for the analysis; assign one, or set quality.noData", project))
	}
	var lines []string
	failed := 0
	for _, c := range gate.Conditions {
		if c.Status != "ERROR" {
			continue
		}
		if failed++; failed <= maxShown {
			lines = append(lines, describe(c))
		}
	}
	if failed > maxShown {
		lines = append(lines, fmt.Sprintf("and %d more", failed-maxShown))
	}
	return pipeline.Observation{
		State: pipeline.Failed, Reason: v1alpha1.ReasonQualityGateFailed, Diagnosis: lines,
		Message: fmt.Sprintf("project %s does not pass its quality gate: %d of %d conditions failed; the diagnosis has them", project,
			failed, len(gate.Conditions)),
	}
}

// noData is what missing data means for the stage.
func noData(stage *v1alpha1.QualityStage, message string) pipeline.Observation {
	o := pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonNoData, Message: message}
	if stage.NoData == v1alpha1.NoDataWait {
		o.State = pipeline.Running
		o.After = lookAgain
	}
	return o
}

// describe a condition that is not met: new_coverage is 75.3, must not be less than 80.
func describe(c sonarqube.Condition) string {
	must := "must be another"
	switch c.Comparator {
	case "LT":
		must = "must not be less than " + c.Threshold
	case "GT":
		must = "must not be greater than " + c.Threshold
	}
	return printable.Line(fmt.Sprintf("%s is %s, %s", c.Metric, c.Value, must))
}
