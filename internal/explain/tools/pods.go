package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
)

// maxSelected Pods of a workload are named in a query to a backend.
const maxSelected = 50

// podSet is the Pods that an answer of a backend may be about: those of one workload that the cluster shows to this identity.
type podSet struct {
	namespace string
	// names of the Pods, sorted, and omitted, how many more the workload has; even more if unread is set.
	names   []string
	omitted int
	unread  bool
	filter  *scope.Filter
}

// has reports whether labels of a line or series name one of the Pods, and one of its containers. An empty container is that of the
// whole Pod.
func (p *podSet) has(namespace, pod, container string) bool {
	if _, listed := slices.BinarySearch(p.names, pod); !listed || namespace != p.namespace {
		return false
	}
	owner, ok := p.filter.Pod(namespace, pod)
	if !ok || container == "" {
		return ok
	}
	_, ok = p.filter.Container(owner, container)
	return ok
}

// partly says that the workload has Pods that are not in the set; nothing if it has none. The line follows the first one of an answer,
// whose end may be left out.
func (p *podSet) partly() []string {
	switch {
	case p.unread:
		return []string{fmt.Sprintf("(only %d Pods were asked about, there may be more)", len(p.names))}
	case p.omitted > 0:
		return []string{fmt.Sprintf("(only %d Pods were asked about, of %d)", len(p.names), len(p.names)+p.omitted)}
	}
	return nil
}

// workloadKinds have Pods that tools of backends read about.
func workloadKinds() []string {
	return []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"}
}

// podsOf reads the Pods of a workload. An error that is not a *Refusal is that of a read; one of apierrors.IsNotFound says that the
// workload does not exist.
func podsOf(ctx context.Context, s *Set, kind string, key client.ObjectKey) (*podSet, error) {
	if kind == "Pod" {
		pod := &corev1.Pod{}
		if err := s.cluster.Get(ctx, key, pod); err != nil {
			return nil, err
		}
		return newPodSet(key.Namespace, []corev1.Pod{*pod}, nil, s.now()), nil
	}
	object, selector, err := workloadOf(kind)
	if err != nil {
		return nil, err
	}
	if err := s.cluster.Get(ctx, key, object); err != nil {
		return nil, err
	}
	matching, err := metav1.LabelSelectorAsSelector(selector())
	if err != nil || matching.Empty() {
		return nil, refuse("%s %s selects no Pods", kind, key.Name)
	}
	options := []client.ListOption{
		client.InNamespace(key.Namespace), client.MatchingLabelsSelector{Selector: matching}, client.Limit(maxListed),
	}
	owners := []types.UID{object.GetUID()}
	sets := &appsv1.ReplicaSetList{}
	if kind == "Deployment" {
		if err := s.cluster.List(ctx, sets, options...); err != nil {
			return nil, err
		}
		for i := range sets.Items {
			if metav1.IsControlledBy(&sets.Items[i], object) {
				owners = append(owners, sets.Items[i].UID)
			}
		}
	}
	pods := &corev1.PodList{}
	if err := s.cluster.List(ctx, pods, options...); err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		controller := metav1.GetControllerOf(&pod)
		return controller == nil || !slices.Contains(owners, controller.UID)
	})
	if len(own) == 0 {
		return nil, refuse("%s %s has no Pods", kind, key.Name)
	}
	found := newPodSet(key.Namespace, own, sets.Items, s.now())
	found.unread = pods.Continue != "" || sets.Continue != ""
	return found, nil
}

// workloadOf is an object of a kind, and a function that returns its selector once it was read.
func workloadOf(kind string) (client.Object, func() *metav1.LabelSelector, error) {
	switch kind {
	case "Deployment":
		o := &appsv1.Deployment{}
		return o, func() *metav1.LabelSelector { return o.Spec.Selector }, nil
	case "StatefulSet":
		o := &appsv1.StatefulSet{}
		return o, func() *metav1.LabelSelector { return o.Spec.Selector }, nil
	case "DaemonSet":
		o := &appsv1.DaemonSet{}
		return o, func() *metav1.LabelSelector { return o.Spec.Selector }, nil
	case "ReplicaSet":
		o := &appsv1.ReplicaSet{}
		return o, func() *metav1.LabelSelector { return o.Spec.Selector }, nil
	case "Job":
		o := &batchv1.Job{}
		return o, func() *metav1.LabelSelector { return o.Spec.Selector }, nil
	}
	return nil, nil, refuse("kind %s has no Pods of its own; the kinds are %s", kind, strings.Join(workloadKinds(), ", "))
}

// newPodSet admits Pods by the filter that a run of an Inspection has.
func newPodSet(namespace string, pods []corev1.Pod, sets []appsv1.ReplicaSet, now time.Time) *podSet {
	builder := facts.NewBuilder("", now)
	for i := range sets {
		builder.Add(facts.Reduce(&sets[i]))
	}
	p := &podSet{namespace: namespace}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	p.omitted = max(len(pods)-maxSelected, 0)
	for i := range pods[:len(pods)-p.omitted] {
		builder.Add(facts.Reduce(&pods[i]))
		p.names = append(p.names, pods[i].Name)
	}
	p.filter = scope.New(builder.Graph(), []string{namespace})
	return p
}
