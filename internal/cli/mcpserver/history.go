package mcpserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/names"
)

// reports are those of one Inspection, read with the permissions of the user.
type reports struct {
	reader          client.Reader
	namespace, name string
}

// historyOf returns the reports of an Inspection, as NAMESPACE/NAME.
func historyOf(config *rest.Config, inspection string) (tools.History, error) {
	namespace, name, both := strings.Cut(inspection, "/")
	if !both || names.Namespace("--inspection", namespace) != nil || names.Object("--inspection", "Inspection", name) != nil {
		return nil, fmt.Errorf("--inspection %s must be NAMESPACE/NAME", inspection)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return &reports{reader: reader, namespace: namespace, name: name}, nil
}

// Earlier implements tools.History.
func (r *reports) Earlier(ctx context.Context, each func(*v1alpha1.InspectionReport) bool) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	labels := client.MatchingLabels{v1alpha1.LabelInspection: names.LabelValue(r.name)}
	if err := r.reader.List(ctx, list, client.InNamespace(r.namespace), labels); err != nil {
		return err
	}
	slices.SortFunc(list.Items, func(a, b metav1.PartialObjectMetadata) int {
		return b.CreationTimestamp.Compare(a.CreationTimestamp.Time)
	})
	for i := range list.Items {
		owner := metav1.GetControllerOf(&list.Items[i])
		if owner == nil || owner.Kind != "Inspection" || owner.Name != r.name {
			continue
		}
		report := &v1alpha1.InspectionReport{}
		err := r.reader.Get(ctx, client.ObjectKeyFromObject(&list.Items[i]), report)
		switch {
		case apierrors.IsNotFound(err): // it was pruned meanwhile
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
