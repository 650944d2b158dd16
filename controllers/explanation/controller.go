// Package explanation has language models explain the root causes of reports. It is a controller of its own beside the one of
// Inspections, so that no inspection waits for a model. It owns status.explained and the condition Explained.
package explanation

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/outcome"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=inspections,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get;list;patch
// +kubebuilder:rbac:groups=kubeops.io,resources=aiproviders,verbs=get;list;watch

const (
	// parallel reports are explained at the same time. They wait for models, whose own limits hold besides.
	parallel = 8
	// attemptTimeout bounds one attempt; the next one goes on where it ended.
	attemptTimeout = 5 * time.Minute
	// investigatingTimeout is attemptTimeout if the model may read more.
	investigatingTimeout = 15 * time.Minute
	// How long to wait before a model that did not answer is asked again: the first time, and at most.
	minRetry = time.Minute
	maxRetry = 30 * time.Minute
)

// Setup adds the controller to a manager. It wakes when an Inspection has a new report, when its spec changes, and when an
// AIProvider that it refers to becomes Ready.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e)
	return ctrl.NewControllerManagedBy(m).Named("explanation").
		For(&v1alpha1.Inspection{}, builder.WithPredicates(inspection.ReportChanged())).
		Watches(&v1alpha1.AIProvider{}, inspection.Referents(m.GetClient(), "AIProvider"), builder.WithPredicates(becameReady())).
		WithOptions(kind.Options(parallel)).
		Complete(r)
}

// New is the reconciler of explanations.
func New(e *environment.Environment) *kind.Auxiliary[*v1alpha1.Inspection] {
	l := &logic{Environment: e.Environment, backends: e.Backends, accounts: e.Accounts, answers: e.Settings.Answers}
	return &kind.Auxiliary[*v1alpha1.Inspection]{
		Environment: e.Environment, Name: "Inspection explanation", New: func() *v1alpha1.Inspection { return &v1alpha1.Inspection{} },
		Logic: l.reconcile,
	}
}

// becameReady lets through the update in which an AIProvider becomes Ready.
func becameReady() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return true },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return !isReady(e.ObjectOld) && isReady(e.ObjectNew) },
	}
}

func isReady(object client.Object) bool {
	p, ok := object.(*v1alpha1.AIProvider)
	return ok && meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady)
}

// logic explains reports. Answers may be nil.
type logic struct {
	kind.Environment
	backends *backends.Resolver
	// accounts acts as the ServiceAccounts of Inspections.
	accounts impersonate.Source
	answers  environment.AnswerCache
}

// reconcile explains the last report of an Inspection, where the spec asks for it and it is not explained yet.
func (l *logic) reconcile(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection]) (time.Duration, error) {
	status := &scope.Object.Status
	conditions := scope.Conditions()
	if scope.Object.Spec.AI == nil {
		status.Explained = nil
		conditions.Remove(v1alpha1.ConditionExplained)
		return 0, nil
	}
	conditions.Keep(v1alpha1.ConditionExplained)
	if scope.Object.Spec.Suspend || status.LastReport == "" {
		return 0, nil
	}
	if status.Explained == nil || status.Explained.Report != status.LastReport {
		status.Explained = &v1alpha1.ExplainedReport{Report: status.LastReport}
		conditions.SetAuxiliary(v1alpha1.ConditionExplained,
			outcome.Unknown(v1alpha1.ReasonProgressing, "InspectionReport "+status.LastReport+" is being explained"))
		if err := scope.Write(ctx, l.Client); err != nil {
			return 0, err
		}
	}
	if status.Explained.Done {
		return 0, nil
	}
	at, err := l.due(ctx, scope.Object)
	if err != nil {
		return 0, err
	}
	if wait := at.Sub(l.Clock.Now()); wait > 0 {
		return wait, nil
	}
	state, err := l.explain(ctx, scope.Object)
	if err != nil {
		return 0, err
	}
	conditions.SetAuxiliary(v1alpha1.ConditionExplained, state)
	if status.Explained.Done {
		return 0, nil
	}
	return retryAfter(status.Explained.Tries), nil
}

// due is when the next attempt is due: after the back-off, or at once if the AIProvider became Ready since the last one.
func (l *logic) due(ctx context.Context, inspection *v1alpha1.Inspection) (time.Time, error) {
	e := inspection.Status.Explained
	if e.LastTry == nil || e.Tries == 0 {
		return time.Time{}, nil
	}
	if names.Object("spec.ai.providerRef.name", "AIProvider", inspection.Spec.AI.ProviderRef.Name) != nil {
		return e.LastTry.Add(retryAfter(e.Tries)), nil //nolint:nilerr // the attempt reports it
	}
	provider := &v1alpha1.AIProvider{}
	key := client.ObjectKey{Namespace: inspection.Namespace, Name: inspection.Spec.AI.ProviderRef.Name}
	if err := l.Reader.Get(ctx, key, provider); client.IgnoreNotFound(err) != nil {
		return time.Time{}, err
	}
	ready := meta.FindStatusCondition(provider.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionTrue && ready.LastTransitionTime.After(e.LastTry.Time) {
		return time.Time{}, nil
	}
	return e.LastTry.Add(retryAfter(e.Tries)), nil
}

// retryAfter is the back-off after so many attempts.
func retryAfter(attempts int32) time.Duration {
	return min(minRetry<<min(max(attempts-1, 0), 10), maxRetry)
}
