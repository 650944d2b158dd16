package explanation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

// explain asks the models about the last report, records the attempt in status.explained, and returns the state of the
// condition. The report gets each answer as soon as it is there. Only the end of the manager is an error.
func (l *logic) explain(ctx context.Context, inspection *v1alpha1.Inspection) (outcome.Auxiliary, error) {
	timeout := attemptTimeout
	if inspection.Spec.AI.Investigate != v1alpha1.InvestigateNever && inspection.Spec.AI.Investigate != "" {
		timeout = investigatingTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	result, err := l.askModels(limited, inspection)
	if ctx.Err() != nil {
		return outcome.Auxiliary{}, ctx.Err()
	}
	e := inspection.Status.Explained
	e.Requests += int32(result.Requests) //nolint:gosec // bounded by maxExplanations
	e.Cached += int32(result.Cached)     //nolint:gosec // bounded by maxExplanations
	e.Dropped += int32(result.Dropped)   //nolint:gosec // bounded by maxExplanations
	e.Tokens += result.Tokens
	if err == nil && result.Missing == 0 {
		e.Done = true
		e.Tries = 0
		e.LastTry = nil
		return outcome.True(v1alpha1.ReasonSucceeded, "InspectionReport "+e.Report+": "+summarize(result, int(e.Dropped))), nil
	}
	p := result.Problem
	if err != nil {
		p = toProblem(inspection, err, timeout)
	}
	if p == nil {
		p = problem.Retrying(v1alpha1.ReasonRetrying, nil, "the model gave no answer")
	}
	now := metav1.NewTime(l.Clock.Now().Truncate(time.Second))
	e.Tries++
	e.LastTry = &now
	if p.Cause != nil {
		log.FromContext(ctx).Info("Not explained", "report", e.Report, "reason", p.Reason, "message", p.Message)
	}
	return outcome.False(p.Reason, "InspectionReport "+e.Report+" is saved, but not fully explained: "+p.Message), nil
}

// askModels opens the models and has them explain the report.
func (l *logic) askModels(ctx context.Context, inspection *v1alpha1.Inspection) (explain.Result, error) {
	report := &v1alpha1.InspectionReport{}
	err := l.Reader.Get(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: inspection.Status.Explained.Report}, report)
	if apierrors.IsNotFound(err) {
		return explain.Result{}, nil // a report that is gone needs no explanation
	}
	if err != nil {
		return explain.Result{}, err
	}
	opened, err := l.openModels(ctx, inspection)
	if err != nil {
		return explain.Result{}, err
	}
	kept := &store{client: l.Client, reader: l.Reader, answers: l.answers, inspection: inspection, report: report}
	input := explain.Input{
		Report: report, Language: inspection.Spec.AI.LanguageOrDefault(), MaxCauses: inspection.Spec.AI.Explanations(),
		Parallel: int(opened[0].Resource.Spec.Concurrency),
		Store:    kept,
	}
	if cluster := l.cluster(ctx, inspection); cluster != nil {
		input.Background = l.background(ctx, inspection, report, cluster)
		if when := inspection.Spec.AI.Investigate; when != "" && when != v1alpha1.InvestigateNever {
			input.Investigate = when
			sources, closeSources := l.sources(ctx, inspection, kept)
			defer closeSources()
			input.Tools = tools.New(cluster, l.Clock.Now).With(sources)
		}
	}
	for _, m := range opened {
		defer m.Close()
		gate, err := explain.NewGate(m.Resource.Spec.Redaction, report, m.Hide, namesIn(input.Background)...)
		if err != nil {
			return explain.Result{}, err
		}
		input.Candidates = append(input.Candidates, explain.Candidate{
			Model: m, Provider: m.Resource.Name, Identity: string(m.Resource.UID), Name: m.Resource.Spec.Model,
			ContextLength: m.ContextLength(), AnswerTokens: m.Resource.Spec.AnswerTokens(),
			Gate: gate, Hit: m.Meter.Hit, Drop: m.Meter.Drop,
		})
	}
	result, err := explain.Run(ctx, input)
	inspection.Status.Explained.Redacted = redacted(input.Candidates, inspection.Status.Explained.Redacted)
	if result.Problem != nil {
		shown := *result.Problem
		shown.Message = opened[0].Redact(shown.Message, 1024)
		result.Problem = &shown
	}
	for _, m := range opened {
		if saveErr := l.backends.Meters.Save(ctx, m.Resource); saveErr != nil {
			log.FromContext(ctx).Error(saveErr, "Usage not stored", "aiprovider", m.Resource.Name)
		}
	}
	return result, err
}

// openModels opens the AIProvider of the spec and its fallbacks. One that cannot be opened is skipped if there is another.
func (l *logic) openModels(ctx context.Context, inspection *v1alpha1.Inspection) ([]*backends.Model, error) {
	chain, err := backends.Chain(ctx, l.Reader,
		client.ObjectKey{Namespace: inspection.Namespace, Name: inspection.Spec.AI.ProviderRef.Name})
	if err != nil {
		return nil, err
	}
	var opened []*backends.Model
	var first error
	for _, p := range chain {
		var m *backends.Model
		var err error = problem.UserError(v1alpha1.ReasonSuspended, nil, "AIProvider %s/%s is suspended", p.Namespace, p.Name)
		if !p.Spec.Suspend {
			m, err = l.backends.OpenModel(ctx, p)
		}
		switch {
		case err == nil:
			opened = append(opened, m)
		case first == nil:
			first = err
		}
	}
	if len(opened) == 0 {
		return nil, first
	}
	return opened, nil
}

// toProblem describes an error that does not come from a model.
func toProblem(inspection *v1alpha1.Inspection, err error, timeout time.Duration) *problem.Problem {
	name := inspection.Spec.AI.ProviderRef.Name
	switch p := problem.As(err); {
	case p != nil:
		return p
	case apierrors.IsNotFound(err):
		return problem.Waiting(v1alpha1.ReasonProviderNotFound, minRetry,
			"AIProvider %s/%s (spec.ai.providerRef) does not exist; create it, or remove spec.ai", inspection.Namespace, name)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Retrying(v1alpha1.ReasonTimeout, err,
			"the model needs more than %s for this report; the next attempt asks for the rest", timeout)
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read AIProvider %s/%s or the report (%s)", inspection.Namespace, name,
		apierror.Describe(err))
}

func summarize(result explain.Result, dropped int) string {
	if result.Causes == 0 {
		return "nothing to explain"
	}
	text := fmt.Sprintf("root causes explained: %d", result.Causes)
	if dropped > 0 {
		text += fmt.Sprintf("; invalid answers dropped: %d", dropped)
	}
	return text
}

// redacted counts what was hidden from the models; the counts of earlier attempts stay where this one sent nothing.
func redacted(candidates []explain.Candidate, before []v1alpha1.RedactedCount) []v1alpha1.RedactedCount {
	counts := map[string]int{}
	for _, c := range candidates {
		for rule, n := range c.Gate.Counts() {
			counts[rule] = max(counts[rule], n)
		}
	}
	if len(counts) == 0 {
		return before
	}
	const maxRules = 64
	var list []v1alpha1.RedactedCount
	for _, rule := range slices.Sorted(maps.Keys(counts)) {
		list = append(
			list,
			v1alpha1.RedactedCount{Rule: rule, Count: int32(counts[rule])},
		) //nolint:gosec // bounded by the size of a report
	}
	return list[:min(len(list), maxRules)]
}
