package background

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/text"
)

// nodes describes the node of the worst Pod if something is wrong with it or memory ran out, and all nodes if none takes the Pod.
func (g *gatherer) nodes(ctx context.Context, s *subject) {
	if len(s.pods) == 0 {
		return
	}
	pod := &s.pods[0]
	if pod.Spec.NodeName == "" {
		if pod.Status.Phase == corev1.PodPending {
			g.allNodes(ctx)
		}
		return
	}
	node := &corev1.Node{}
	if !g.ok("nodes", g.cluster.Get(ctx, client.ObjectKey{Name: pod.Spec.NodeName}, node)) {
		return
	}
	g.named(node.Name)
	text, wrong := nodeText(node)
	exhausted := slices.ContainsFunc(containersOf(pod), func(c container) bool {
		end := c.ended()
		return end != nil && (end.Reason == "OOMKilled" || end.ExitCode == 137)
	})
	if wrong || exhausted || pod.Status.Reason == "Evicted" {
		g.add("node", v1alpha1.EvidenceCondition, "Node "+node.Name+" of Pod "+pod.Name, text, text)
	}
}

// maxNodes are described.
const maxNodes = 6

// allNodes describes the first nodes, and the largest allocatable resources.
func (g *gatherer) allNodes(ctx context.Context) {
	list := &corev1.NodeList{}
	if !g.ok("nodes", g.cluster.List(ctx, list, client.Limit(maxPods))) {
		return
	}
	var text []string
	for i := range list.Items[:min(len(list.Items), maxNodes)] {
		node := &list.Items[i]
		g.named(node.Name)
		description, _ := nodeText(node)
		text = append(text, "Node "+node.Name+": "+strings.ReplaceAll(description, "\n", "; "))
	}
	switch {
	case list.Continue != "":
		text = append(text, "more nodes exist")
	case len(list.Items) > maxNodes:
		text = append(text, fmt.Sprintf("%d more nodes", len(list.Items)-maxNodes))
	}
	whole := strings.Join(text, "\n")
	g.add("node", v1alpha1.EvidenceCondition, "nodes of the cluster", whole, whole)
}

// nodeText describes a node, and whether something is wrong with it.
func nodeText(node *corev1.Node) (text string, wrong bool) {
	t := &lines{}
	for _, c := range node.Status.Conditions {
		if (c.Type == corev1.NodeReady) != (c.Status == corev1.ConditionTrue) {
			wrong = true
			t.put("condition "+string(c.Type), string(c.Status)+" "+c.Reason+" "+quiet(c.Message))
		}
	}
	if node.Spec.Unschedulable {
		wrong = true
		t.put("cordoned", "true")
	}
	for _, taint := range node.Spec.Taints {
		t.put("taint", taint.ToString())
	}
	allocatable := corev1.ResourceList{}
	for _, name := range []corev1.ResourceName{
		corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods,
	} {
		if quantity, has := node.Status.Allocatable[name]; has {
			allocatable[name] = quantity
		}
	}
	t.put("allocatable", quantities(allocatable))
	var shown []string
	for key, value := range node.Labels {
		if !strings.Contains(key, "hostname") && !strings.HasPrefix(key, "beta.") {
			shown = append(shown, key+"="+value)
		}
	}
	slices.Sort(shown)
	t.put("labels", strings.Join(shown[:min(len(shown), 12)], " "))
	t.put("kubelet", node.Status.NodeInfo.KubeletVersion)
	return t.text(), wrong
}

// volumes describes the claims of a Pod that are not bound.
func (g *gatherer) volumes(ctx context.Context, s *subject) {
	const maxClaims = 3
	claims := 0
	for _, v := range s.spec().Volumes {
		if v.PersistentVolumeClaim == nil || claims == maxClaims {
			continue
		}
		claims++
		claim := &corev1.PersistentVolumeClaim{}
		name := v.PersistentVolumeClaim.ClaimName
		err := g.cluster.Get(ctx, client.ObjectKey{Namespace: s.namespace(), Name: name}, claim)
		if client.IgnoreNotFound(err) == nil && err != nil {
			text := "PersistentVolumeClaim " + name + " does not exist."
			g.add("volume", v1alpha1.EvidenceSpec, "volume "+v.Name+" of "+s.title(), text, text)
		}
		if !g.ok("persistentvolumeclaims", err) || claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		g.named(name)
		g.claim(ctx, claim)
	}
}

// claim describes a PersistentVolumeClaim that is not bound, and the StorageClasses that exist.
func (g *gatherer) claim(ctx context.Context, claim *corev1.PersistentVolumeClaim) {
	g.named(claim.Name, claim.Spec.VolumeName)
	t := &lines{}
	t.put("phase", string(claim.Status.Phase))
	t.put("storageClassName", ptrText(claim.Spec.StorageClassName))
	t.put("accessModes", compact(claim.Spec.AccessModes))
	t.put("requests", quantities(claim.Spec.Resources.Requests))
	t.put("volumeName", claim.Spec.VolumeName)
	t.put("selector", compact(claim.Spec.Selector))
	classes := &storagev1.StorageClassList{}
	if g.ok("storageclasses", g.cluster.List(ctx, classes, client.Limit(maxPods))) {
		var names []string
		for _, class := range classes.Items {
			name := class.Name + " (" + class.Provisioner
			if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
				name += ", default"
			}
			names = append(names, name+")")
		}
		if len(names) == 0 {
			names = []string{"none"}
		}
		t.put("StorageClasses of the cluster", text.List(names, 10))
	}
	text := t.text()
	g.add("volume", v1alpha1.EvidenceSpec, "PersistentVolumeClaim "+claim.Namespace+"/"+claim.Name, text, text)
}

// policies describes the NetworkPolicies that select the Pods.
func (g *gatherer) policies(ctx context.Context, s *subject) {
	list := &networkingv1.NetworkPolicyList{}
	if !g.ok("networkpolicies", g.cluster.List(ctx, list, client.InNamespace(s.namespace()), client.Limit(maxPods))) {
		return
	}
	const maxPolicies = 4
	described := 0
	for _, policy := range list.Items {
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil || !selector.Matches(s.labels()) || described == maxPolicies {
			continue
		}
		described++
		g.named(policy.Name)
		text := "NetworkPolicy " + policy.Namespace + "/" + policy.Name + " selects the Pods. " + policyText(&policy.Spec)
		g.add("policy", v1alpha1.EvidenceSpec, "NetworkPolicy of "+s.title(), text, text)
	}
}

// policyText says what a policy permits.
func policyText(spec *networkingv1.NetworkPolicySpec) string {
	var parts []string
	for _, direction := range spec.PolicyTypes {
		rules := compact(spec.Ingress)
		count := len(spec.Ingress)
		if direction == networkingv1.PolicyTypeEgress {
			rules = compact(spec.Egress)
			count = len(spec.Egress)
		}
		if count == 0 {
			parts = append(parts, string(direction)+": nothing is permitted.")
			continue
		}
		parts = append(parts, string(direction)+" is permitted for "+clipValue(rules)+".")
	}
	return strings.Join(parts, " ")
}
