// Package export writes the last report of an Inspection as a Report of openreports.io, where spec.export asks for it. It is a
// controller of its own beside the one of Inspections, and owns the condition Exported.
package export

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=inspections,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get

const (
	// parallel exports.
	parallel = 4
	// timeout of one export.
	timeout = 30 * time.Second
	// retry after an export that failed: neither a permission that is granted nor an API that appears wakes the controller.
	retry = 5 * time.Minute
	// fieldManager owns the fields of what is exported.
	fieldManager = "kubeops"
)

// Setup adds the controller to a manager. It wakes when an Inspection has a new report, and when its spec changes.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	return ctrl.NewControllerManagedBy(m).Named("export").
		For(&v1alpha1.Inspection{}, builder.WithPredicates(inspection.ReportChanged())).
		WithOptions(kind.Options(parallel)).
		Complete(New(e))
}

// New is the reconciler of exports.
func New(e *environment.Environment) *kind.Auxiliary[*v1alpha1.Inspection] {
	l := &logic{reader: e.Reader, accounts: e.Accounts}
	return &kind.Auxiliary[*v1alpha1.Inspection]{
		Environment: e.Environment, Name: "Inspection export", New: func() *v1alpha1.Inspection { return &v1alpha1.Inspection{} },
		Logic: l.reconcile,
	}
}

// logic exports reports, with the permissions of each Inspection's ServiceAccount and into its namespace only. Both fields are
// required.
type logic struct {
	reader   client.Reader
	accounts impersonate.Source
}

func (l *logic) reconcile(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection]) (time.Duration, error) {
	conditions := scope.Conditions()
	conditions.Keep(v1alpha1.ConditionExported)
	if scope.Object.Spec.Suspend {
		return 0, nil
	}
	if !scope.Object.ExportsOpenReports() {
		return l.remove(ctx, scope), ctx.Err()
	}
	if scope.Object.Status.LastReport == "" {
		return 0, nil
	}
	report := &v1alpha1.InspectionReport{}
	key := client.ObjectKey{Namespace: scope.Object.Namespace, Name: scope.Object.Status.LastReport}
	if err := l.reader.Get(ctx, key, report); err != nil {
		return 0, client.IgnoreNotFound(err) // what was exported of a report that is gone stays until the next
	}
	state := l.write(ctx, scope.Object, report)
	conditions.SetAuxiliary(v1alpha1.ConditionExported, state)
	if state.Status == metav1.ConditionTrue {
		return 0, ctx.Err()
	}
	return retry, ctx.Err()
}

// write exports a report. It may be repeated.
func (l *logic) write(ctx context.Context, i *v1alpha1.Inspection, report *v1alpha1.InspectionReport) outcome.Auxiliary {
	object, omitted := render.OpenReport(report, i)
	err := l.openReports(ctx, i, func(ctx context.Context, reports dynamic.ResourceInterface) error {
		_, err := reports.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return err
	})
	if err != nil {
		return describeError(i, "write", err)
	}
	message := fmt.Sprintf("InspectionReport %s is exported as Report %s of openreports.io", report.Name, object.GetName())
	if omitted > 0 {
		message += fmt.Sprintf("; results that did not fit: %d", omitted)
	}
	return outcome.True(v1alpha1.ReasonSucceeded, message)
}

// remove deletes what was exported, once the spec no longer asks for it. The condition remembers that there is something; where
// the last export failed, there may be nothing, and being refused is no news.
func (l *logic) remove(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection]) time.Duration {
	c := scope.Condition(v1alpha1.ConditionExported)
	if c == nil {
		return 0
	}
	exists := c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonExportNotRemoved
	err := l.openReports(ctx, scope.Object, func(ctx context.Context, reports dynamic.ResourceInterface) error {
		return reports.Delete(ctx, render.OpenReportName(scope.Object), metav1.DeleteOptions{})
	})
	if exists && err != nil && !apierrors.IsNotFound(err) {
		state := describeError(scope.Object, "delete", err)
		scope.Conditions().SetAuxiliary(v1alpha1.ConditionExported, outcome.False(v1alpha1.ReasonExportNotRemoved, state.Message))
		return retry
	}
	scope.Conditions().Remove(v1alpha1.ConditionExported)
	return 0
}

// openReports calls do with the Reports of the Inspection's namespace, as its ServiceAccount. An API server checks permissions
// before it checks whether it serves a resource at all; which of the two it is needs discovery.
func (l *logic) openReports(
	ctx context.Context, i *v1alpha1.Inspection, do func(context.Context, dynamic.ResourceInterface) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	config, err := l.accounts.Existing(ctx, i.Namespace, i.ServiceAccountName(), "the export writes with",
		"bind ClusterRole kubeops-inspector-openreports to it")
	if err != nil {
		return err
	}
	config.Timeout = timeout
	reports, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	resource := render.OpenReportResource()
	err = do(ctx, reports.Resource(resource).Namespace(i.Namespace))
	if !apierrors.IsForbidden(err) {
		return err
	}
	served, discoveryErr := discovery.NewDiscoveryClientForConfig(config)
	if discoveryErr != nil {
		return err
	}
	if _, missing := served.ServerResourcesForGroupVersion(resource.GroupVersion().String()); apierrors.IsNotFound(missing) {
		return missing
	}
	return err
}

// describeError is the state of the condition after an error; verb is what failed.
func describeError(i *v1alpha1.Inspection, verb string, err error) outcome.Auxiliary {
	object := fmt.Sprintf("cannot %s Report %s/%s of openreports.io", verb, i.Namespace, render.OpenReportName(i))
	account := i.ServiceAccountName()
	if refused, ok := apierror.ImpersonationRefused(err); ok {
		return outcome.False(v1alpha1.ReasonImpersonationForbidden, object+": "+refused.Message(i.Namespace, account))
	}
	switch p := problem.As(err); {
	case p != nil:
		return outcome.False(v1alpha1.ReasonExportFailed, object+": "+p.Message)
	case apierrors.IsNotFound(err):
		return outcome.False(v1alpha1.ReasonAPINotServed, object+": the cluster does not serve openreports.io/v1alpha1; "+
			"install its CRDs, or remove spec.export.openReports")
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		grant := remedy.Command("kubectl -n %[1]s create rolebinding kubeops-inspector-openreports-%[2]s "+
			"--clusterrole=kubeops-inspector-openreports --serviceaccount=%[1]s:%[2]s%[3]s", i.Namespace, account,
			remedy.Repeatable)
		return outcome.False(v1alpha1.ReasonExportForbidden, fmt.Sprintf("%s: ServiceAccount %s/%s lacks permission. To grant it: %s (%s)",
			object, i.Namespace, account, grant, text.Clip(err.Error(), 512)))
	case apierrors.IsInvalid(err), apierrors.IsRequestEntityTooLargeError(err):
		return outcome.False(v1alpha1.ReasonExportFailed, object+": "+text.Clip(err.Error(), 512))
	default:
		return outcome.False(v1alpha1.ReasonExportFailed, fmt.Sprintf("%s (%s)", object, apierror.Describe(err)))
	}
}
