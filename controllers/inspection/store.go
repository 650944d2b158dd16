package inspection

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get;list;create;delete

// stored returns the report of a run that an earlier try has saved, or nil.
func (r *Reconciler) stored(ctx context.Context, i *v1alpha1.Inspection, run *v1alpha1.InspectionRun) (*v1alpha1.InspectionReport, error) {
	report := &v1alpha1.InspectionReport{}
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: i.Namespace, Name: run.Report}, report)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case meta.IsNoMatchError(err):
		return nil, noReports(err) // known before the cluster is read for nothing
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "InspectionReport %s/%s could not be read (%s)", i.Namespace, run.Report, brief(err))
	case !metav1.IsControlledBy(report, i):
		return nil, problem.Waiting(v1alpha1.ReasonSaveFailed, time.Minute,
			"InspectionReport %s/%s has the name of this run's report but belongs to something else; rename or delete it (kubectl -n %s delete inspectionreport %s)",
			i.Namespace, run.Report, i.Namespace, run.Report)
	}
	return report, nil
}

// save writes the report of a run under the name that follows from the run. Where a report of that name is there already,
// an earlier try wrote it, and that one counts.
func (r *Reconciler) save(ctx context.Context, i *v1alpha1.Inspection, run *v1alpha1.InspectionRun, report *v1alpha1.InspectionReport) (*v1alpha1.InspectionReport, error) {
	report.ObjectMeta = metav1.ObjectMeta{
		Namespace: i.Namespace, Name: run.Report, Labels: map[string]string{v1alpha1.LabelInspection: label(i.Name)},
	}
	for _, c := range i.Spec.Channels {
		report.Labels[v1alpha1.LabelUndelivered] = "true"
		report.Deliveries = append(report.Deliveries, v1alpha1.ReportDelivery{Channel: c.Name, State: v1alpha1.DeliveryPending})
	}
	report.Summary.Inspection, report.Summary.Trigger, report.Summary.ScheduledTime = i.Name, run.Trigger, run.ScheduledTime
	err := controllerutil.SetControllerReference(i, report, r.Client.Scheme())
	if err == nil {
		err = r.Client.Create(ctx, report)
	}
	switch {
	case err == nil:
		return report, nil
	case apierrors.IsAlreadyExists(err):
		return r.winner(ctx, i, run)
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, noReports(err)
	default:
		return nil, problem.Retrying(v1alpha1.ReasonSaveFailed, err, "InspectionReport %s/%s could not be saved (%s)", i.Namespace, run.Report, brief(err))
	}
}

// winner is the report that was saved under the same name while this one was made.
func (r *Reconciler) winner(ctx context.Context, i *v1alpha1.Inspection, run *v1alpha1.InspectionRun) (*v1alpha1.InspectionReport, error) {
	report, err := r.stored(ctx, i, run)
	if err == nil && report == nil {
		return nil, problem.Retrying(v1alpha1.ReasonSaveFailed, nil, "InspectionReport %s/%s could not be saved: another was there and is gone again", i.Namespace, run.Report)
	}
	return report, err
}

// noReports is the problem of an installation of which a half is missing.
func noReports(err error) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonSaveFailed, err,
		"the report cannot be saved: the cluster does not know InspectionReports; install the CRDs (kubectl apply --server-side -k config/crd)")
}

// prune deletes the oldest reports of an Inspection beyond those it keeps, never the newest, and none that a channel has still to
// tell of and may get to. They are listed as metadata, since one may be large.
func (r *Reconciler) prune(ctx context.Context, i *v1alpha1.Inspection, newest string) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	err := r.Reader.List(ctx, list, client.InNamespace(i.Namespace), client.MatchingLabels{v1alpha1.LabelInspection: label(i.Name)})
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the reports of Inspection %s/%s could not be listed (%s)", i.Namespace, i.Name, brief(err))
	}
	own := slices.DeleteFunc(list.Items, func(m metav1.PartialObjectMetadata) bool {
		return !metav1.IsControlledBy(&m, i) || m.Name == newest
	})
	slices.SortFunc(own, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	for n := i.KeepReports() - 1; n < len(own); n++ {
		report := own[n]
		if report.Labels[v1alpha1.LabelUndelivered] != "" && r.Clock.Since(report.CreationTimestamp.Time) < v1alpha1.UndeliveredFor {
			continue
		}
		if err := r.Client.Delete(ctx, &report); client.IgnoreNotFound(err) != nil {
			return problem.Retrying(v1alpha1.ReasonRetrying, err, "InspectionReport %s/%s could not be deleted (%s)", i.Namespace, report.Name, brief(err))
		}
		if report.Labels[v1alpha1.LabelUndelivered] != "" {
			r.tell(i, corev1.EventTypeWarning, "ReportNotDelivered", "InspectionReport "+report.Name+" was deleted a day after it was saved, and some channel was never told of it; kubectl get notificationchannels says why")
		}
	}
	return nil
}

// label is the Inspection's name as a label's value, which may have 63 characters.
func label(name string) string {
	const most = 63
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:most-9] + "-" + hex.EncodeToString(sum[:4])
}
