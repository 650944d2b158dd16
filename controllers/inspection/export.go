package inspection

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// exportTimeout bounds an export, so that a slow API cannot hold up what the run has found.
	exportTimeout = 30 * time.Second
	// exportManager owns the fields of what is exported.
	exportManager = "kubeops"
)

// export writes the result of a run where spec.export asks for it, with the rights of the Inspection's ServiceAccount and
// into its namespace only: the operator lends nobody its own. It may be done again and again. What goes wrong becomes the
// condition Exported and nothing else, since the report is saved.
func (r *Reconciler) export(ctx context.Context, i *v1alpha1.Inspection, report *v1alpha1.InspectionReport) {
	if !i.ExportsOpenReports() {
		r.unexport(ctx, i)
		return
	}
	object, left := render.OpenReport(report, i)
	err := r.openReports(ctx, i, func(ctx context.Context, reports dynamic.ResourceInterface) error {
		_, err := reports.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: exportManager, Force: true})
		return err
	})
	if err != nil {
		reason, message := exportProblem(i, "written", err)
		r.exported(i, metav1.ConditionFalse, reason, message)
		return
	}
	message := fmt.Sprintf("written as Report %s/%s of openreports.io", i.Namespace, object.GetName())
	if left > 0 {
		message += fmt.Sprintf("; %s did not fit, see InspectionReport %s", count(int32(left), "result"), report.Name) //nolint:gosec // bounded by what a report holds
	}
	r.exported(i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, message)
}

// unexport deletes what an earlier run has exported, once it is no longer asked for. The condition remembers that there is
// something; where the last export failed, there may be nothing, and being refused is no news.
func (r *Reconciler) unexport(ctx context.Context, i *v1alpha1.Inspection) {
	c := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionExported)
	if c == nil {
		return
	}
	there := c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonExportNotRemoved
	err := r.openReports(ctx, i, func(ctx context.Context, reports dynamic.ResourceInterface) error {
		return reports.Delete(ctx, render.OpenReportName(i), metav1.DeleteOptions{})
	})
	if there && err != nil && !apierrors.IsNotFound(err) {
		_, message := exportProblem(i, "deleted", err)
		r.exported(i, metav1.ConditionFalse, v1alpha1.ReasonExportNotRemoved, message)
		return
	}
	meta.RemoveStatusCondition(&i.Status.Conditions, v1alpha1.ConditionExported)
}

// openReports does something to the Reports of the Inspection's namespace, as its ServiceAccount. An API server refuses
// before it looks whether it serves a resource at all; that is found out here, since it is another problem.
func (r *Reconciler) openReports(ctx context.Context, i *v1alpha1.Inspection, do func(context.Context, dynamic.ResourceInterface) error) error {
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	config, err := r.impersonate(ctx, i)
	if err != nil {
		return err
	}
	config.Timeout = exportTimeout
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

// exportProblem is the reason and the message of a failed export; done is what could not be done.
func exportProblem(i *v1alpha1.Inspection, done string, err error) (reason, message string) {
	name := fmt.Sprintf("Report %s/%s of openreports.io", i.Namespace, render.OpenReportName(i))
	account := i.ServiceAccountName()
	switch p := problem.As(err); {
	case p != nil:
		return v1alpha1.ReasonExportFailed, fmt.Sprintf("%s could not be %s: %s", name, done, p.Message)
	case apierrors.IsNotFound(err):
		return v1alpha1.ReasonAPINotServed, fmt.Sprintf("%s could not be %s: the cluster does not serve openreports.io/v1alpha1; "+
			"install the CRDs of openreports.io, or take spec.export.openReports away; the next run tries again", name, done)
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return v1alpha1.ReasonExportForbidden, fmt.Sprintf("%s could not be %s, and the next turn tries again. To grant it: "+
			"kubectl -n %s create rolebinding kubeops-inspector-openreports-%s --clusterrole=kubeops-inspector-openreports --serviceaccount=%s:%s (%s)",
			name, done, i.Namespace, account, i.Namespace, account, brief(err))
	default:
		return v1alpha1.ReasonExportFailed, fmt.Sprintf("%s could not be %s (%s); the next run tries again", name, done, brief(err))
	}
}

// exported sets the condition.
func (r *Reconciler) exported(i *v1alpha1.Inspection, status metav1.ConditionStatus, reason, message string) {
	const most = 1024
	meta.SetStatusCondition(&i.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionExported, Status: status, Reason: reason, Message: outcome.Clip(message, most), ObservedGeneration: i.Generation,
		LastTransitionTime: metav1.NewTime(r.Clock.Now().Truncate(time.Second)),
	})
}

// observeAsides keeps the conditions that take no part in Ready in step with the others: what they say of the last report holds
// until the next run.
func observeAsides(i *v1alpha1.Inspection) {
	for _, aside := range []string{v1alpha1.ConditionExported, v1alpha1.ConditionExplained} {
		if c := meta.FindStatusCondition(i.Status.Conditions, aside); c != nil {
			c.ObservedGeneration = i.Generation
		}
	}
}
