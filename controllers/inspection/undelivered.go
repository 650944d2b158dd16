package inspection

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

// undelivered decides which reports of one Inspection are kept beyond spec.keepReports because a channel still has to deliver them.
type undelivered struct {
	reports
	// exists caches which channels exist, by name.
	exists map[string]bool
	// waiting reports are kept so far.
	waiting int
}

// keep reports whether a report is kept: for v1alpha1.UndeliveredFor, at most v1alpha1.MaxUndelivered, and only for channels that exist.
// Otherwise why completes "the report was deleted". Errors are problems.
func (u *undelivered) keep(ctx context.Context, report *metav1.PartialObjectMetadata) (keep bool, why string, err error) {
	if report.Labels[v1alpha1.LabelUndelivered] == "" || u.clock.Since(report.CreationTimestamp.Time) >= v1alpha1.UndeliveredFor {
		return false, "a day after it was saved", nil
	}
	if u.waiting >= v1alpha1.MaxUndelivered {
		return false, fmt.Sprintf("because %d newer ones wait for delivery", v1alpha1.MaxUndelivered), nil
	}
	full := &v1alpha1.InspectionReport{}
	if err := u.reader.Get(ctx, client.ObjectKeyFromObject(report), full); err != nil {
		if apierrors.IsNotFound(err) {
			return true, "", nil // nothing is left to delete
		}
		return false, "", problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read InspectionReport %s/%s (%s)", report.Namespace,
			report.Name, apierror.DescribeWithMessage(err, runner.MaxQuote))
	}
	var missing []string
	for _, entry := range full.Deliveries {
		if entry.State == v1alpha1.DeliveryDone {
			continue
		}
		if u.channelExists(ctx, report.Namespace, entry.Channel) {
			u.waiting++
			return true, "", nil
		}
		missing = append(missing, channelName(entry.Channel))
	}
	if len(missing) == 0 {
		u.waiting++ // delivered; the label is removed by the next reconcile of a channel
		return true, "", nil
	}
	return false, "beyond spec.keepReports, because NotificationChannel " + strings.Join(missing, ", ") + " does not exist", nil
}

func (u *undelivered) channelExists(ctx context.Context, namespace, name string) bool {
	exists, known := u.exists[name]
	if !known {
		exists = channelExists(ctx, u.reader, namespace, name)
		u.exists[name] = exists
	}
	return exists
}

// channelExists reports whether a NotificationChannel exists. One that cannot be read is taken to exist.
func channelExists(ctx context.Context, reader client.Reader, namespace, name string) bool {
	if !canExist(name) {
		return false
	}
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, kind.MetadataOf("NotificationChannel"))
	return !apierrors.IsNotFound(err)
}

// canExist reports whether a resource can have this name.
func canExist(name string) bool {
	return names.Object("spec.channels", "NotificationChannel", name) == nil
}

// channelName is the name of a channel in a message, quoted where no resource can have it.
func channelName(name string) string {
	if canExist(name) {
		return name
	}
	return names.Quote(name)
}
