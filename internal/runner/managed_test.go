package runner

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// managedClusters is an API server that has some ManagedClusters.
type managedClusters struct {
	client.Reader
	stored map[string]*v1alpha1.ManagedCluster
}

func (m managedClusters) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	found := m.stored[key.Name]
	switch {
	case found == nil:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "managedclusters"}, key.Name)
	case found.Name == "unreadable":
		return apierrors.NewForbidden(schema.GroupResource{Resource: "managedclusters"}, key.Name, nil)
	}
	found.DeepCopyInto(object.(*v1alpha1.ManagedCluster))
	return nil
}

func TestAWorkerReliesOnWhatTheControllerOfAClusterFound(t *testing.T) {
	t.Parallel()
	named := func(name string, change func(*v1alpha1.ManagedCluster)) *v1alpha1.ManagedCluster {
		mc := &v1alpha1.ManagedCluster{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: name}}
		change(mc)
		return mc
	}
	targets := &ManagedTargets{Reader: managedClusters{stored: map[string]*v1alpha1.ManagedCluster{
		"suspended": named("suspended", func(mc *v1alpha1.ManagedCluster) { mc.Spec.Suspend = true }),
		"another": named("another", func(mc *v1alpha1.ManagedCluster) {
			mc.Status.Conditions = []metav1.Condition{{
				Type: v1alpha1.ConditionIdentityChanged, Status: metav1.ConditionTrue, Message: "c is another cluster than before",
			}}
		}),
		"local": named("local", func(mc *v1alpha1.ManagedCluster) {
			mc.Spec.InCluster = true
			mc.Spec.ServiceAccountName = "reader"
		}),
		"unreadable": named("unreadable", func(*v1alpha1.ManagedCluster) {}),
	}}}
	find := func(name string) ([]Target, error) {
		return targets.Targets(t.Context(), &v1alpha1.Inspection{
			ObjectMeta: metav1.ObjectMeta{Namespace: "fleet"},
			Spec:       v1alpha1.InspectionSpec{Clusters: &v1alpha1.ClusterSelection{Names: []string{name}}},
		})
	}
	for name, want := range map[string]string{
		"missing": "ManagedCluster fleet/missing does not exist", "suspended": "it is suspended", "another": "another cluster than before",
	} {
		got, err := find(name)
		if err != nil || len(got) != 1 || got[0].Access != nil || got[0].Problem == nil || !strings.Contains(got[0].Problem.Message, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := find("local"); err != nil || len(got) != 1 || got[0].Account != "reader" || got[0].Problem != nil {
		t.Errorf("the cluster of the manager: %+v, %v", got, err)
	}
	_, err := find("unreadable")
	if p := problem.As(err); p == nil || p.Action != problem.Retry || !strings.Contains(p.Message, "cannot read ManagedCluster fleet/unreadable") {
		t.Errorf("got %v", err)
	}
}
