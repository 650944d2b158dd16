package inspect

import (
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/redact"
)

// Judge is everything of an inspection that comes after collecting. It judges facts as often as they change, one judgement after
// the other.
type Judge struct {
	in    Input
	all   []check.Check
	kinds []facts.Kind
	gate  *redact.Redactor
	texts redactions
	// running is what running Pods logged when it was last read, at runningAt, and runningGaps is what could not be read.
	running     *facts.RunningLogs
	runningGaps []facts.Gap
	runningAt   time.Time
}

// Judging is what differs from one judgement of the same inspection to the next.
type Judging struct {
	// Previous report of the inspection, or nil.
	Previous *v1alpha1.InspectionReport
	// Evidence also reads the last log lines of crashed containers, and the newest of running ones, which takes requests.
	Evidence bool
}

// NewJudge prepares the judgement of an inspection. The error is one of the program itself.
func NewJudge(in Input) (*Judge, error) {
	gate := in.Redactor
	if gate == nil {
		var err error
		if gate, err = redact.New(redact.Options{}); err != nil {
			return nil, err
		}
	}
	kinds := in.kinds()
	in.Checks = check.OfOneCluster(in.Checks)
	in.Scope.Leaks = check.NeedLeaks(in.Checks)
	in.Scope.ExcludeNamespaces = in.ExcludeNamespaces
	in.Scope.Compare = in.Compare
	return &Judge{in: in, all: slices.Concat(in.Checks, custom.Checks(in.Custom)), kinds: kinds, gate: gate,
		texts: redactions{redact: gate.Text}}, nil
}

// Kinds are those that the checks read.
func (j *Judge) Kinds() []facts.Kind { return j.kinds }

// Scope to collect.
func (j *Judge) Scope() collect.Scope { return j.in.Scope }

// Judge returns the report on what was collected. It reads the graph and does not keep it. The error is that of a cancelled ctx.
func (j *Judge) Judge(ctx context.Context, collected collect.Collected, how Judging) (*Result, error) {
	return j.judge(ctx, newTimer(j.in), collected, how)
}

func (j *Judge) judge(ctx context.Context, timer *timer, collected collect.Collected, how Judging) (*Result, error) {
	in := j.in
	in.Scope.Namespaces = collected.Namespaces
	collected.Gaps = append(collected.Gaps, everythingExcluded(in, collected.Graph)...)
	// What this run read decides what of a backend's data the report may show, in every stage.
	filter := scope.New(collected.Graph, in.Scope.Namespaces)
	backendGaps := slices.Concat(readMetrics(ctx, in, timer, filter), readLogs(ctx, in, timer, filter, j.gate),
		j.readRunning(ctx, in, timer, filter, how.Evidence))
	if err := cancelled(ctx); err != nil {
		return nil, err
	}

	findings, ran, failed := check.Run(collected.Graph, in.Checks, in.Params)
	timer.done(StageChecks)

	customResult, err := runCustom(ctx, in, timer, collected.Graph, findings)
	if err != nil {
		return nil, err
	}
	confirmed, unconfirmed := confirm(ctx, in, collected.Graph, filter, slices.Concat(findings, customResult.Findings), how)
	linked := causes.Link(collected.Graph, j.all, confirmed)
	timer.done(StageCauses)

	var evidenceGaps []facts.Gap
	if how.Evidence {
		timer.begin(StageEvidence)
		linked, evidenceGaps = addLogs(ctx, in, collected.Graph, filter, linked)
		if err := cancelled(ctx); err != nil {
			return nil, err
		}
		timer.done(StageEvidence)
	}

	j.texts.begin()
	result := report.New(report.Input{
		Graph: collected.Graph, Findings: linked, Checks: j.all, ChecksRun: ran + customResult.Ran,
		Gaps:   slices.Concat(in.Gaps, collected.Gaps, backendGaps, failed, customResult.Gaps, joinGaps(evidenceGaps, unconfirmed)),
		Ignore: in.Ignore, ExcludeNamespaces: in.ExcludeNamespaces, NamespacesOnly: len(in.Scope.Namespaces) > 0, Previous: how.Previous,
		StartupGrace: in.Params.StartupGrace, Start: timer.start, Duration: in.Clock.Since(timer.start),
		Bounds: in.Bounds,
		Redact: j.texts.text,
	})
	timer.done(StageReport)
	return &Result{Report: result, Durations: timer.durations, Comparison: compared(in, collected.Graph, linked)}, nil
}
