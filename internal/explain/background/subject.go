package background

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// subject is the workload that a root cause is about.
type subject struct {
	// owner of the Pods; nil for Pods without one.
	owner client.Object
	kind  string
	// template of the Pods; that of the worst Pod if the owner has none.
	template corev1.PodTemplateSpec
	selector labels.Selector
	// pods that are not being deleted, worst first; may be empty.
	pods []corev1.Pod
}

// namespace of the Pods.
func (s *subject) namespace() string {
	if s.owner != nil {
		return s.owner.GetNamespace()
	}
	return s.pods[0].Namespace
}

// title names the workload: Deployment shop/cart.
func (s *subject) title() string {
	if s.owner != nil {
		return s.kind + " " + s.owner.GetNamespace() + "/" + s.owner.GetName()
	}
	return "Pod " + s.pods[0].Namespace + "/" + s.pods[0].Name
}

// spec of the worst Pod, or of the template if there is none.
func (s *subject) spec() *corev1.PodSpec {
	if len(s.pods) > 0 {
		return &s.pods[0].Spec
	}
	return &s.template.Spec
}

// labels of the Pods.
func (s *subject) labels() labels.Set {
	if len(s.pods) > 0 {
		return s.pods[0].Labels
	}
	return s.template.Labels
}

// subject finds the workload of the first finding whose object is one, or has one. It is nil if there is none.
func (g *gatherer) subject(ctx context.Context, findings []v1alpha1.Finding) *subject {
	const maxTried = 4
	for _, f := range findings[:min(len(findings), maxTried)] {
		if f.Cluster != g.cause.Cluster || f.Object.Namespace == "" {
			continue
		}
		key := client.ObjectKey{Namespace: f.Object.Namespace, Name: f.Object.Name}
		s := g.subjectOf(ctx, f.Object.Kind, key)
		if s == nil || s.owner == nil && len(s.pods) == 0 {
			continue
		}
		g.named(s.namespace())
		if s.owner != nil {
			g.named(s.owner.GetName())
		}
		for _, pod := range s.pods {
			g.named(pod.Name, pod.Spec.NodeName)
		}
		g.namedIn(s.spec())
		return s
	}
	return nil
}

// namedIn records the names of the objects that a Pod refers to.
func (g *gatherer) namedIn(spec *corev1.PodSpec) {
	if spec.ServiceAccountName != "default" {
		g.named(spec.ServiceAccountName)
	}
	for _, r := range referencesOf(spec, math.MaxInt) {
		g.named(r.name)
	}
	for _, secret := range spec.ImagePullSecrets {
		g.named(secret.Name)
	}
	for _, v := range spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			g.named(v.PersistentVolumeClaim.ClaimName)
		}
	}
}

// subjectOf finds the workload of an object.
func (g *gatherer) subjectOf(ctx context.Context, kind string, key client.ObjectKey) *subject {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job":
		return g.workload(ctx, kind, key)
	case "CronJob":
		return g.cronJob(ctx, key)
	case "Pod":
		pod := &corev1.Pod{}
		if !g.ok("pods", g.cluster.Get(ctx, key, pod)) {
			return nil
		}
		return g.ownerOf(ctx, pod)
	case "Service":
		service := &corev1.Service{}
		if !g.ok("services", g.cluster.Get(ctx, key, service)) || len(service.Spec.Selector) == 0 {
			return nil
		}
		return g.selected(ctx, key.Namespace, labels.SelectorFromSet(service.Spec.Selector), nil)
	case "PersistentVolumeClaim":
		return g.selected(ctx, key.Namespace, labels.Everything(), func(pod *corev1.Pod) bool {
			return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
				return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == key.Name
			})
		})
	}
	return nil
}

// workload reads a workload and its Pods.
func (g *gatherer) workload(ctx context.Context, kind string, key client.ObjectKey) *subject {
	s := &subject{kind: kind}
	var selector *metav1.LabelSelector
	read := func(object client.Object, template *corev1.PodTemplateSpec, of **metav1.LabelSelector) error {
		err := g.cluster.Get(ctx, key, object)
		s.owner = object
		s.template = *template
		selector = *of
		return err
	}
	var err error
	switch kind {
	case "Deployment":
		o := &appsv1.Deployment{}
		err = read(o, &o.Spec.Template, &o.Spec.Selector)
	case "StatefulSet":
		o := &appsv1.StatefulSet{}
		err = read(o, &o.Spec.Template, &o.Spec.Selector)
	case "DaemonSet":
		o := &appsv1.DaemonSet{}
		err = read(o, &o.Spec.Template, &o.Spec.Selector)
	case "ReplicaSet":
		o := &appsv1.ReplicaSet{}
		err = read(o, &o.Spec.Template, &o.Spec.Selector)
	case "Job":
		o := &batchv1.Job{}
		err = read(o, &o.Spec.Template, &o.Spec.Selector)
	default:
		return nil
	}
	if !g.ok(strings.ToLower(kind)+"s", err) {
		return nil
	}
	if s.selector, err = metav1.LabelSelectorAsSelector(selector); err == nil && selector != nil {
		s.pods = g.pods(ctx, key.Namespace, s.selector, nil)
	}
	return s
}

// cronJob is the newest Job of a CronJob, or its template.
func (g *gatherer) cronJob(ctx context.Context, key client.ObjectKey) *subject {
	owner := &batchv1.CronJob{}
	if !g.ok("cronjobs", g.cluster.Get(ctx, key, owner)) {
		return nil
	}
	jobs := &batchv1.JobList{}
	s := &subject{owner: owner, kind: "CronJob", template: owner.Spec.JobTemplate.Spec.Template}
	if !g.ok("jobs", g.cluster.List(ctx, jobs, client.InNamespace(key.Namespace), client.Limit(maxObjects))) {
		return s
	}
	own := slices.DeleteFunc(jobs.Items, func(j batchv1.Job) bool { return !metav1.IsControlledBy(&j, owner) })
	slices.SortFunc(own, func(a, b batchv1.Job) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	if len(own) > 0 && own[0].Spec.Selector != nil {
		if selector, err := metav1.LabelSelectorAsSelector(own[0].Spec.Selector); err == nil {
			s.pods = g.pods(ctx, key.Namespace, selector, nil)
		}
	}
	return s
}

// selected is the workload of the worst of the Pods that a selector and a condition select.
func (g *gatherer) selected(
	ctx context.Context, namespace string, selector labels.Selector, wanted func(*corev1.Pod) bool,
) *subject {
	pods := g.pods(ctx, namespace, selector, wanted)
	if len(pods) == 0 {
		return nil
	}
	return g.ownerOf(ctx, &pods[0])
}

// ownerOf is the workload of a Pod. A Deployment owns the Pods of its ReplicaSets.
func (g *gatherer) ownerOf(ctx context.Context, pod *corev1.Pod) *subject {
	alone := &subject{
		kind: "Pod", pods: []corev1.Pod{*pod}, template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec},
	}
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return alone
	}
	kind, name := owner.Kind, owner.Name
	if kind == "ReplicaSet" {
		set := &metav1.PartialObjectMetadata{}
		set.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
		if g.ok("replicasets", g.cluster.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: name}, set)) {
			if above := metav1.GetControllerOf(set); above != nil {
				kind, name = above.Kind, above.Name
			}
		}
	}
	if s := g.workload(ctx, kind, client.ObjectKey{Namespace: pod.Namespace, Name: name}); s != nil && s.owner != nil && len(s.pods) > 0 {
		return s
	}
	return alone
}

// pods that are not being deleted, worst first, then by name.
func (g *gatherer) pods(ctx context.Context, namespace string, selector labels.Selector, wanted func(*corev1.Pod) bool) []corev1.Pod {
	list := &corev1.PodList{}
	limit := int64(maxPods)
	if wanted != nil {
		limit = maxObjects
	}
	err := g.cluster.List(ctx, list, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}, client.Limit(limit))
	if !g.ok("pods", err) {
		return nil
	}
	pods := slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool {
		return pod.DeletionTimestamp != nil || wanted != nil && !wanted(&pod)
	})
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Name, b.Name)) })
	return pods[:min(len(pods), maxPods)]
}

// rank orders Pods: those whose containers fail come first, ready ones last.
func rank(pod *corev1.Pod) int {
	switch {
	case slices.ContainsFunc(containersOf(pod), container.fails):
		return 0
	case pod.Status.Phase == corev1.PodPending:
		return 1
	case !ready(pod) && pod.Status.Phase != corev1.PodSucceeded:
		return 2
	}
	return 3
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// versionOf reads the response to /version.
func versionOf(body []byte) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return "", fmt.Errorf("read the version: %w", err)
	}
	return version.GitVersion, nil
}
