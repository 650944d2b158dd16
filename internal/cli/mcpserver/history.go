package mcpserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
	listed, err := tools.ListReports(ctx, r.reader, client.ObjectKey{Namespace: r.namespace, Name: r.name})
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(listed, func(m metav1.PartialObjectMetadata) bool {
		owner := metav1.GetControllerOf(&m)
		return owner == nil || owner.Kind != "Inspection" || owner.Name != r.name
	})
	return tools.EachReport(ctx, r.reader, own, each)
}
