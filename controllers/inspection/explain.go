package inspection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// explainTimeout bounds one turn of explaining, so that slow models do not keep other Inspections waiting; the next turn goes
	// on where it ended.
	explainTimeout = 5 * time.Minute
	// How long to wait before a model that did not answer is asked again: the first time, and at most.
	firstExplainRetry = time.Minute
	lastExplainRetry  = 30 * time.Minute
)

// +kubebuilder:rbac:groups=kubeops.io,resources=aiproviders,verbs=get
// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=patch

// explainLater notes that the report, which is saved, is to be explained in a turn of its own.
func (r *Reconciler) explainLater(i *v1alpha1.Inspection, report *v1alpha1.InspectionReport) {
	if i.Spec.AI == nil {
		dropExplained(i)
		return
	}
	if e := i.Status.Explained; e != nil && e.Report == report.Name {
		return
	}
	i.Status.Explained = &v1alpha1.ExplainedReport{Report: report.Name}
	r.explained(i, metav1.ConditionUnknown, v1alpha1.ReasonProgressing, "the report is saved; the model is asked next")
}

func dropExplained(i *v1alpha1.Inspection) {
	i.Status.Explained = nil
	meta.RemoveStatusCondition(&i.Status.Conditions, v1alpha1.ConditionExplained)
}

// explanationDue says whether the last report is still to be explained, and when.
func explanationDue(i *v1alpha1.Inspection) (at time.Time, due bool) {
	e := i.Status.Explained
	if i.Spec.AI == nil || i.Spec.Suspend || e == nil || e.Done {
		return time.Time{}, false
	}
	if e.LastTry == nil || e.Tries == 0 {
		return time.Time{}, true
	}
	return e.LastTry.Add(min(firstExplainRetry<<min(e.Tries-1, 10), lastExplainRetry)), true
}

// withExplanation makes a turn without a run one in which the last report is explained, where that is due.
func (r *Reconciler) withExplanation(ctx context.Context, stored, i *v1alpha1.Inspection, next time.Time) (ctrl.Result, error) {
	if i.Spec.AI == nil {
		dropExplained(i)
	}
	at, due := explanationDue(i)
	if due && !at.After(r.Clock.Now()) {
		if err := r.explain(ctx, i); err != nil {
			return ctrl.Result{}, err
		}
		if err := outcome.PatchStatus(ctx, r.Client, stored, i); err != nil {
			return ctrl.Result{}, err
		}
		stored = i.DeepCopy()
		at, due = explanationDue(i)
	}
	result, err := r.rest(ctx, stored, i, next)
	if due && err == nil {
		wait := max(at.Sub(r.Clock.Now()), time.Millisecond)
		if result.RequeueAfter == 0 || wait < result.RequeueAfter {
			result.RequeueAfter = wait
		}
	}
	return result, err
}

// explain asks the models about the last report, and notes in the status what came of it. The report has each answer as soon as it
// is there. Only the end of the manager is an error.
func (r *Reconciler) explain(ctx context.Context, i *v1alpha1.Inspection) error {
	limited, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	result, err := r.askModels(limited, i)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := i.Status.Explained
	e.Requests += int32(result.Requests) //nolint:gosec // bounded by maxExplanations
	e.Cached += int32(result.Cached)     //nolint:gosec // bounded by maxExplanations
	e.Dropped += int32(result.Dropped)   //nolint:gosec // bounded by maxExplanations
	e.Tokens += result.Tokens
	if err == nil && result.Missing == 0 {
		e.Done, e.Tries, e.LastTry = true, 0, nil
		r.explained(i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, explainedMessage(result, int(e.Dropped)))
		return nil
	}
	p := result.Problem
	if err != nil {
		p = explainProblem(i, err)
	}
	if p == nil {
		p = problem.Retrying(v1alpha1.ReasonRetrying, nil, "the model could not be asked")
	}
	now := metav1.NewTime(r.Clock.Now().Truncate(time.Second))
	e.Tries, e.LastTry = e.Tries+1, &now
	if p.Cause != nil {
		log.FromContext(ctx).Info("Not explained", "report", e.Report, "reason", p.Reason, "message", p.Message)
	}
	r.explained(i, metav1.ConditionFalse, p.Reason, "the report is saved, and not all of it is explained: "+p.Message)
	return nil
}

// askModels opens the models and has the report explained.
func (r *Reconciler) askModels(ctx context.Context, i *v1alpha1.Inspection) (explain.Result, error) {
	report := &v1alpha1.InspectionReport{}
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: i.Namespace, Name: i.Status.Explained.Report}, report)
	if apierrors.IsNotFound(err) {
		return explain.Result{}, nil // nobody can read explanations of what is gone
	}
	if err != nil {
		return explain.Result{}, err
	}
	opened, err := r.openModels(ctx, i)
	if err != nil {
		return explain.Result{}, err
	}
	input := explain.Input{
		Report: report, Language: i.Spec.AI.LanguageOrDefault(), MaxCauses: i.Spec.AI.Explanations(), Parallel: int(opened[0].Resource.Spec.Concurrency),
		Store: &explanations{r: r, i: i, report: report},
	}
	for _, m := range opened {
		defer m.Close()
		gate, err := explain.NewGate(m.Resource.Spec.Redaction, report, m.Hide)
		if err != nil {
			return explain.Result{}, err
		}
		input.Candidates = append(input.Candidates, explain.Candidate{
			Model: m, Provider: m.Resource.Name, Identity: string(m.Resource.UID), Name: m.Resource.Spec.Model, ContextLength: m.ContextLength(), AnswerTokens: m.Resource.Spec.AnswerTokens(),
			Gate: gate,
			Hit:  m.Meter.Hit, Drop: m.Meter.Drop,
		})
	}
	result, err := explain.Run(ctx, input)
	i.Status.Explained.Redacted = redacted(input.Candidates, i.Status.Explained.Redacted)
	if result.Problem != nil {
		shown := *result.Problem
		shown.Message = opened[0].Clean(shown.Message, 1024)
		result.Problem = &shown
	}
	for _, m := range opened {
		if saveErr := r.Backends.Meters.Save(ctx, m.Resource); saveErr != nil {
			log.FromContext(ctx).Error(saveErr, "Usage not stored", "aiprovider", m.Resource.Name)
		}
	}
	return result, err
}

// openModels opens the AIProvider of the spec and those that stand in for it. One that cannot be opened is passed over where there
// is another.
func (r *Reconciler) openModels(ctx context.Context, i *v1alpha1.Inspection) ([]*backends.Model, error) {
	chain, err := backends.Chain(ctx, r.Reader, client.ObjectKey{Namespace: i.Namespace, Name: i.Spec.AI.ProviderRef.Name})
	if err != nil {
		return nil, err
	}
	var opened []*backends.Model
	var first error
	for _, p := range chain {
		var m *backends.Model
		var err error = problem.UserError(v1alpha1.ReasonSuspended, nil, "AIProvider %s/%s is suspended", p.Namespace, p.Name)
		if !p.Spec.Suspend {
			m, err = r.Backends.OpenModel(ctx, p)
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

// explainProblem words an error that is none of a model.
func explainProblem(i *v1alpha1.Inspection, err error) *problem.Problem {
	name := i.Spec.AI.ProviderRef.Name
	switch p := problem.As(err); {
	case p != nil:
		return p
	case apierrors.IsNotFound(err):
		return problem.Waiting(v1alpha1.ReasonProviderNotFound, firstExplainRetry,
			"AIProvider %s/%s, which spec.ai.providerRef names, does not exist; create it, or take spec.ai away", i.Namespace, name)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Retrying(v1alpha1.ReasonTimeout, err, "the model needs more than %s for this report; what is missing is asked in the next turn", explainTimeout)
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "AIProvider %s/%s or the report could not be read or written (%s)", i.Namespace, name, brief(err))
}

func explainedMessage(result explain.Result, dropped int) string {
	if result.Causes == 0 {
		return "nothing to explain"
	}
	text := count(int32(result.Causes), "root cause") + " asked about" //nolint:gosec // bounded by maxExplanations
	if dropped > 0 {
		text += fmt.Sprintf("; %s dropped, which did not hold", count(int32(dropped), "answer")) //nolint:gosec // bounded by maxExplanations
	}
	return text
}

// explained sets the condition.
func (r *Reconciler) explained(i *v1alpha1.Inspection, status metav1.ConditionStatus, reason, message string) {
	const most = 1024
	meta.SetStatusCondition(&i.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionExplained, Status: status, Reason: reason, Message: outcome.Clip(message, most), ObservedGeneration: i.Generation,
		LastTransitionTime: metav1.NewTime(r.Clock.Now().Truncate(time.Second)),
	})
}

// redacted counts what was hidden from the models; what earlier turns hid stays where this one sent nothing.
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
	const most = 64
	var list []v1alpha1.RedactedCount
	for _, rule := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, v1alpha1.RedactedCount{Rule: rule, Count: int32(counts[rule])}) //nolint:gosec // bounded by the size of a report
	}
	return list[:min(len(list), most)]
}
