package facts_test

import (
	"encoding/json"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// everyObject is an empty object of each type that has a reducer, in a fixed order.
func everyObject() []any {
	return []any{
		&corev1.Pod{}, &corev1.Node{}, &corev1.Namespace{}, &corev1.Service{}, &discoveryv1.EndpointSlice{}, &networkingv1.Ingress{},
		&networkingv1.IngressClass{}, &appsv1.Deployment{}, &appsv1.ReplicaSet{}, &appsv1.StatefulSet{}, &appsv1.DaemonSet{},
		&corev1.ReplicationController{}, &batchv1.Job{}, &batchv1.CronJob{}, &autoscalingv2.HorizontalPodAutoscaler{},
		&policyv1.PodDisruptionBudget{}, &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}, &storagev1.StorageClass{},
		&corev1.ConfigMap{}, &metav1.PartialObjectMetadata{}, &corev1.ServiceAccount{}, &corev1.ResourceQuota{}, &facts.APIServiceObject{},
		&admissionregistrationv1.ValidatingWebhookConfiguration{}, &admissionregistrationv1.MutatingWebhookConfiguration{},
		&corev1.Event{Type: corev1.EventTypeWarning},
		&rbacv1.Role{}, &rbacv1.ClusterRole{}, &rbacv1.RoleBinding{}, &rbacv1.ClusterRoleBinding{}, &networkingv1.NetworkPolicy{},
		&corev1.LimitRange{}, &schedulingv1.PriorityClass{},
		&facts.CRDObject{},
	}
}

func TestEveryKindHasAReducerThatTakesAnEmptyObject(t *testing.T) {
	builder := facts.NewBuilder("c", at(12, 0, 0))
	for _, object := range everyObject() {
		node := facts.Reduce(object)
		if node == nil {
			t.Errorf("no reducer for %T", object)
		}
		builder.Add(node)
	}
	graph := builder.Graph()
	if got, want := graph.Len()+len(graph.Events), len(facts.Kinds()); got != want {
		t.Errorf("%d kinds of nodes in the graph, want %d", got, want)
	}
	for _, kind := range facts.Kinds() {
		if kind != facts.Event && !graph.Has(facts.Ref{Kind: kind}) {
			t.Errorf("no node of kind %s", kind)
		}
	}
}

func FuzzReduce(f *testing.F) {
	f.Add(
		uint8(0),
		[]byte(
			`{"metadata":{"ownerReferences":[{"controller":true}]},"spec":{"containers":[{"env":[{"valueFrom":{}}],"resources":{"limits":{"cpu":"9E"}}}],"volumes":[{"projected":{"sources":[{}]}}]},"status":{"containerStatuses":[{}]}}`,
		),
	)
	f.Add(uint8(7), []byte(`{"spec":{"selector":{"matchExpressions":[{"operator":"In"}]},"progressDeadlineSeconds":-1}}`))
	f.Add(uint8(14), []byte(`{"spec":{"metrics":[{},{"type":"Pods","pods":{"target":{"averageValue":"1"}}}]}}`))
	f.Add(uint8(22), []byte(`{"status":{"hard":{"cpu":"-9E","pods":"1e99"}}}`))
	f.Add(uint8(27), []byte(`{"rules":[{},{"verbs":["*"],"resources":[""]}]}`))
	f.Add(uint8(29), []byte(`{"roleRef":{"kind":"Role"},"subjects":[{"kind":"ServiceAccount"}]}`))
	f.Add(
		uint8(31),
		[]byte(
			`{"spec":{"podSelector":{"matchExpressions":[{"operator":"In"}]},"ingress":[{"from":[{"ipBlock":{"cidr":"x"}},{"podSelector":{}}]}]}}`,
		),
	)
	f.Add(uint8(32), []byte(`{"spec":{"limits":[{},{"type":"Container","default":{"cpu":"-1"}}]}}`))
	f.Add(uint8(26), []byte(`{"type":"Warning","series":{},"count":-2147483648}`))
	f.Fuzz(func(_ *testing.T, which uint8, document []byte) {
		objects := everyObject()
		object := objects[int(which)%len(objects)]
		if json.Unmarshal(document, object) != nil {
			return
		}
		builder := facts.NewBuilder("c", at(12, 0, 0))
		builder.Add(facts.Reduce(object))
		graph := builder.Graph()
		for _, kind := range facts.Kinds() {
			graph.DependsOn(facts.Ref{Kind: kind})
		}
	})
}
