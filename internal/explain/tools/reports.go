package tools

import (
	"cmp"
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
)

// ListReports lists the reports with the label of an Inspection, the newest first, without their content. The caller checks whose they are:
// anyone can set a label.
func ListReports(ctx context.Context, reader client.Reader, inspection client.ObjectKey) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	labels := client.MatchingLabels{v1alpha1.LabelInspection: names.LabelValue(inspection.Name)}
	if err := reader.List(ctx, list, client.InNamespace(inspection.Namespace), labels); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	return list.Items, nil
}

// EachReport reads listed reports one after the other, until each returns false. One that was pruned meanwhile is left out.
func EachReport(
	ctx context.Context, reader client.Reader, listed []metav1.PartialObjectMetadata, each func(*v1alpha1.InspectionReport) bool,
) error {
	for i := range listed {
		report := &v1alpha1.InspectionReport{}
		err := reader.Get(ctx, client.ObjectKeyFromObject(&listed[i]), report)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return err
		}
		if !each(report) {
			return nil
		}
	}
	return nil
}
