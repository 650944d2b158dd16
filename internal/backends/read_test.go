package backends

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestABackendThatASpecNamesIsReadWithWhatItsControllerFound(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		named    string
		ready    metav1.ConditionStatus
		observed int64
		proven   bool
		want     func(error) bool
	}{
		"one that is Ready":               {"b", metav1.ConditionTrue, 2, true, nil},
		"one that no one judged":          {"b", "", 0, false, nil},
		"one that was judged before":      {"b", metav1.ConditionFalse, 1, false, nil},
		"one that is not Ready":           {"b", metav1.ConditionFalse, 2, false, func(err error) bool { return problem.As(err) != nil }},
		"one that does not exist":         {"other", metav1.ConditionTrue, 2, false, apierrors.IsNotFound},
		"a name that is a path of others": {"../b", metav1.ConditionTrue, 2, false, func(err error) bool { return strings.Contains(err.Error(), "Ref.name") }},
	} {
		meta := metav1.ObjectMeta{Namespace: "shop", Name: "b", Generation: 2}
		var conditions []metav1.Condition
		if tc.ready != "" {
			conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: tc.ready, Reason: "Found", Message: "of it"}}
		}
		metrics := &v1alpha1.MetricsBackend{ObjectMeta: meta}
		metrics.Status.Conditions = conditions
		metrics.Status.ObservedGeneration = tc.observed
		logs := &v1alpha1.LogBackend{ObjectMeta: meta}
		logs.Status.Conditions = conditions
		logs.Status.ObservedGeneration = tc.observed
		reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(metrics, logs).Build()
		key := client.ObjectKey{Namespace: "shop", Name: tc.named}
		_, metricsProven, metricsErr := ReadMetrics(t.Context(), reader, key)
		_, logsProven, logsErr := ReadLogs(t.Context(), reader, key)
		for kind, err := range map[string]error{"metrics": metricsErr, "logs": logsErr} {
			if (err != nil) != (tc.want != nil) || err != nil && !tc.want(err) {
				t.Errorf("%s, %s: got %v", name, kind, err)
			}
		}
		if metricsProven != tc.proven || logsProven != tc.proven {
			t.Errorf("%s: proven %t, %t", name, metricsProven, logsProven)
		}
	}
}
