package inspection

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/runner"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get;list;create;delete

// reports is the store of InspectionReports. All fields are required.
type reports struct {
	client client.Client
	reader client.Reader
	clock  clock.PassiveClock
	events events.EventRecorder
}

// existing returns the report of a run that an earlier attempt has saved, or nil.
func (r reports) existing(
	ctx context.Context, inspection *v1alpha1.Inspection, run *v1alpha1.InspectionRun,
) (*v1alpha1.InspectionReport, error) {
	report := &v1alpha1.InspectionReport{}
	err := r.reader.Get(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: run.Report}, report)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case meta.IsNoMatchError(err):
		return nil, noReports(err) // known before the cluster is read for nothing
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read InspectionReport %s/%s (%s)", inspection.Namespace,
			run.Report, apierror.DescribeWithMessage(err, runner.MaxQuote))
	case !metav1.IsControlledBy(report, inspection):
		return nil, problem.Waiting(v1alpha1.ReasonSaveFailed, time.Minute,
			"InspectionReport %s/%s exists and belongs to another owner; delete it (%s)", inspection.Namespace, run.Report,
			remedy.Command("kubectl -n %s delete inspectionreport %s", inspection.Namespace, run.Report))
	}
	return report, nil
}

// save writes the report of a run under the name that follows from the run. A report of that name that exists already was
// written by an earlier attempt, and that one counts.
func (r reports) save(
	ctx context.Context, inspection *v1alpha1.Inspection, run *v1alpha1.InspectionRun, report *v1alpha1.InspectionReport,
) (*v1alpha1.InspectionReport, error) {
	report.ObjectMeta = metav1.ObjectMeta{
		Namespace: inspection.Namespace, Name: run.Report, Labels: map[string]string{v1alpha1.LabelInspection: Label(inspection.Name)},
	}
	for _, c := range inspection.Spec.Channels {
		report.Labels[v1alpha1.LabelUndelivered] = "true"
		report.Deliveries = append(report.Deliveries, v1alpha1.ReportDelivery{Channel: c.Name, State: v1alpha1.DeliveryPending})
	}
	report.Summary.Inspection = inspection.Name
	report.Summary.Trigger = run.Trigger
	report.Summary.ScheduledTime = run.ScheduledTime
	err := controllerutil.SetControllerReference(inspection, report, r.client.Scheme())
	if err == nil {
		err = r.client.Create(ctx, report)
	}
	switch {
	case err == nil:
		return report, nil
	case apierrors.IsAlreadyExists(err):
		return r.existingReport(ctx, inspection, run)
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, noReports(err)
	default:
		return nil, problem.Retrying(v1alpha1.ReasonSaveFailed, err, "cannot save InspectionReport %s/%s (%s)", inspection.Namespace,
			run.Report, apierror.DescribeWithMessage(err, runner.MaxQuote))
	}
}

// existingReport is the report that was saved under the same name in the meantime.
func (r reports) existingReport(
	ctx context.Context, inspection *v1alpha1.Inspection, run *v1alpha1.InspectionRun,
) (*v1alpha1.InspectionReport, error) {
	report, err := r.existing(ctx, inspection, run)
	if err == nil && report == nil {
		return nil, problem.Retrying(v1alpha1.ReasonSaveFailed, nil,
			"InspectionReport %s/%s cannot be saved: another of its name existed and was deleted", inspection.Namespace, run.Report)
	}
	return report, err
}

// noReports is the problem of an installation without the CRD of reports.
func noReports(err error) *problem.Problem {
	return problem.Retrying(
		v1alpha1.ReasonSaveFailed,
		err,
		"cannot save the report: the cluster does not serve InspectionReports; install the CRDs (kubectl apply --server-side -k "+
			"config/crd)",
	)
}

// prune deletes the oldest reports of an Inspection beyond those it keeps, never the newest, and none that a channel that exists may
// still deliver. They are listed as metadata, since one may be large.
func (r reports) prune(ctx context.Context, inspection *v1alpha1.Inspection, newest string) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	err := r.reader.List(ctx, list, client.InNamespace(inspection.Namespace),
		client.MatchingLabels{v1alpha1.LabelInspection: Label(inspection.Name)})
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list the reports of Inspection %s/%s (%s)", inspection.Namespace,
			inspection.Name, apierror.DescribeWithMessage(err, runner.MaxQuote))
	}
	own := slices.DeleteFunc(list.Items, func(m metav1.PartialObjectMetadata) bool {
		return !metav1.IsControlledBy(&m, inspection) || m.Name == newest
	})
	slices.SortFunc(own, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	waiting := undelivered{reports: r, exists: map[string]bool{}}
	for n := inspection.KeepReports() - 1; n < len(own); n++ {
		report := own[n]
		keep, why, err := waiting.keep(ctx, &report)
		if err != nil {
			return err
		}
		if keep {
			continue
		}
		if err := r.client.Delete(ctx, &report); client.IgnoreNotFound(err) != nil {
			return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot delete InspectionReport %s/%s (%s)", inspection.Namespace,
				report.Name, apierror.DescribeWithMessage(err, runner.MaxQuote))
		}
		if report.Labels[v1alpha1.LabelUndelivered] != "" {
			kind.Event(ctx, r.events, inspection, corev1.EventTypeWarning, "ReportNotDelivered", "Inspect", fmt.Sprintf(
				"InspectionReport %s was deleted %s, and at least one channel never delivered it; run kubectl get notificationchannels "+
					"to see why", report.Name, why))
		}
	}
	return nil
}

// Label is the Inspection's name as the value of a label, which may have 63 characters.
func Label(name string) string { return names.LabelValue(name) }
