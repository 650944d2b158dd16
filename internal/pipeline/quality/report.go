package quality

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/sarif"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxLine is the length of a finding in a diagnosis, in characters.
	maxLine = 400
	// maxEarlier runs that succeeded are looked at for one with a report.
	maxEarlier = 10
)

// archiver opens the build server of the stage whose report is read. The caller closes the first value.
func (d *Driver) archiver(ctx context.Context, attempt pipeline.Attempt) (*backends.Builds, ci.Archiver, error) {
	ref := attempt.Source.Stage.Build.ProviderRef.Name
	server, err := d.OpenBuilds(ctx, client.ObjectKey{Namespace: attempt.Namespace, Name: ref})
	if err != nil {
		return nil, nil, err
	}
	if archiver, is := server.Provider.(ci.Archiver); is {
		return server, archiver, nil
	}
	server.Close()
	return nil, nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "CIProvider %s cannot read artifacts; remove quality.sarif", ref)
}

// checkReport finds out whether the build server of the source keeps artifacts.
func (d *Driver) checkReport(ctx context.Context, attempt pipeline.Attempt) error {
	server, _, err := d.archiver(ctx, attempt)
	if err != nil {
		return err
	}
	server.Close()
	return nil
}

// observeReport reads a report, and judges it.
func (d *Driver) observeReport(ctx context.Context, attempt pipeline.Attempt, artifact string) (pipeline.Observation, error) {
	server, archiver, err := d.archiver(ctx, attempt)
	if err != nil {
		return pipeline.Observation{}, err
	}
	defer server.Close()
	var report sarif.Report
	err = archiver.Artifact(ctx, ci.Handle(attempt.Source.Handle), artifact, func(content io.Reader) (err error) {
		report, err = sarif.Read(content)
		return err
	})
	stage := attempt.Stage.Quality
	if missing := problem.As(err); missing != nil && missing.Reason == v1alpha1.ReasonArtifactNotFound {
		return noData(stage, missing.Message), nil
	}
	if err != nil {
		return pipeline.Observation{}, unread(artifact, err)
	}
	var before earlier
	if stage.SARIF.Previous == v1alpha1.PreviousNoMore {
		if before, err = d.earlier(ctx, attempt); err != nil {
			return pipeline.Observation{}, err
		}
	}
	o := judgeReport(stage, report, before)
	o.URL = attempt.Source.URL
	for i, line := range o.Diagnosis {
		o.Diagnosis[i] = server.Redact(line, maxLine)
	}
	return o, nil
}

// unread describes why a report could not be read. One that is too large, or none, is so each time.
func unread(artifact string, err error) error {
	var invalid *sarif.InvalidError
	switch found := problem.As(err); {
	case errors.As(err, &invalid):
		return problem.UserError(v1alpha1.ReasonInvalidReport, err, "artifact %s is no report in the format SARIF 2.1.0: %s", artifact,
			invalid.Text)
	case found != nil && provider.TooLarge(err):
		return problem.UserError(found.Reason, err, "artifact %s cannot be read: %s", artifact, found.Message)
	}
	return err
}

// earlier is what the last run had that succeeded.
type earlier struct {
	// run is its name; empty if there is none.
	run string
	// counts of findings by level.
	counts map[string]int
}

// earlier is the last run of the Pipeline that succeeded and has the report of the stage.
func (d *Driver) earlier(ctx context.Context, attempt pipeline.Attempt) (earlier, error) {
	list := &v1alpha1.PipelineRunList{}
	if err := d.Runs.List(ctx, list, client.InNamespace(attempt.Namespace)); err != nil {
		return earlier{}, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list the earlier runs (%s)", apierror.Describe(err))
	}
	runs := slices.DeleteFunc(list.Items, func(run v1alpha1.PipelineRun) bool {
		return run.Spec.PipelineRef.Name != attempt.Pipeline || run.UID == attempt.UID || run.Status.Phase != v1alpha1.RunSucceeded ||
			run.Status.CompletionTime == nil
	})
	slices.SortFunc(runs, func(a, b v1alpha1.PipelineRun) int {
		return cmp.Or(b.Status.CompletionTime.Compare(a.Status.CompletionTime.Time), strings.Compare(b.Name, a.Name))
	})
	for i := range runs[:min(len(runs), maxEarlier)] {
		run := &v1alpha1.PipelineRun{} // the cache has no stages
		err := d.Reader.Get(ctx, client.ObjectKeyFromObject(&runs[i]), run)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return earlier{}, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read PipelineRun %s (%s)", runs[i].Name,
				apierror.Describe(err))
		}
		if s := run.Status.Stage(attempt.Stage.Name); s != nil {
			if counts := attempt.Stage.Quality.SARIF.Counts(s.Outputs); counts != nil {
				return earlier{run: run.Name, counts: counts}, nil
			}
		}
	}
	return earlier{}, nil
}

// judgeReport compares the findings with the limits of the stage, and with those of the earlier run.
func judgeReport(stage *v1alpha1.QualityStage, report sarif.Report, before earlier) pipeline.Observation {
	gate := stage.SARIF
	switch {
	case report.Empty:
		return noData(stage, fmt.Sprintf("artifact %s has no list of results: no tool looked for findings", gate.Artifact))
	case report.Failed:
		return noData(stage, fmt.Sprintf("artifact %s says that its tool did not succeed, so that findings may be missing; see the log of "+
			"the build", gate.Artifact))
	}
	counts := map[string]int{
		v1alpha1.OutputErrors: report.Counts[sarif.Error], v1alpha1.OutputWarnings: report.Counts[sarif.Warning],
		v1alpha1.OutputNotes: report.Counts[sarif.Note],
	}
	o := pipeline.Observation{State: pipeline.Succeeded, Outputs: map[string]string{}}
	message := fmt.Sprintf("artifact %s has %s, %s and %s", gate.Artifact, text.Count(counts[v1alpha1.OutputErrors], "error"),
		text.Count(counts[v1alpha1.OutputWarnings], "warning"), text.Count(counts[v1alpha1.OutputNotes], "note"))
	var exceeded []string
	for i, level := range gate.Levels() { // in the order of those of package sarif
		o.Outputs[level] = strconv.Itoa(counts[level])
		why := exceeds(gate, level, counts[level], before)
		if why == "" {
			continue
		}
		exceeded = append(exceeded, why)
		o.Diagnosis = append(o.Diagnosis, lines(report.Findings[i], counts[level], maxShown-len(o.Diagnosis))...)
	}
	switch {
	case len(exceeded) > 0:
		o.State = pipeline.Failed
		o.Reason = v1alpha1.ReasonQualityGateFailed
		o.Outputs = nil
		message += "; " + strings.Join(exceeded, ", ") + "; the diagnosis has the first"
	case gate.Previous == v1alpha1.PreviousNoMore && before.run == "":
		message += "; no earlier run succeeded with a report to compare with"
	case before.run != "":
		message += ", no more than those of run " + before.run
	}
	o.Message = message
	return o
}

// exceeds says how a level has more findings than it may have; empty if it has not.
func exceeds(gate *v1alpha1.SARIFGate, level string, count int, before earlier) string {
	if limit := gate.Limit(level); limit != nil && count > int(*limit) {
		return fmt.Sprintf("%s is %d", limitField(level), *limit)
	}
	if before.run != "" && count > before.counts[level] {
		return fmt.Sprintf("run %s had %s", before.run, text.Count(before.counts[level], strings.TrimSuffix(level, "s")))
	}
	return ""
}

// limitField of a level, such as maxErrors.
func limitField(level string) string { return "max" + strings.ToUpper(level[:1]) + level[1:] }

// lines describe the first findings of a level, as many as there is room for, and how many more there are.
func lines(findings []sarif.Finding, count, room int) []string {
	var list []string
	for _, finding := range findings[:max(0, min(len(findings), room))] {
		list = append(list, line(finding))
	}
	if more := count - len(list); more > 0 && len(list) > 0 {
		list = append(list, fmt.Sprintf("and %d more of level %s", more, findings[0].Level))
	}
	return list
}

// line of a finding: error go/sql-injection at cart/db.go:12: Query built from input.
func line(finding sarif.Finding) string {
	var b strings.Builder
	b.WriteString(finding.Level.String())
	if finding.Rule != "" {
		b.WriteString(" " + finding.Rule)
	}
	if finding.File != "" {
		b.WriteString(" at " + finding.File)
		if finding.Line > 0 {
			b.WriteString(":" + strconv.FormatInt(finding.Line, 10))
		}
	}
	if finding.Message != "" {
		b.WriteString(": " + finding.Message)
	}
	return text.Clip(printable.Line(b.String()), maxLine)
}
