package facts

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// maxAddresses of a Node are kept; usually there are four or five.
const maxAddresses = 16

func reduceNode(n *corev1.Node) *NodeNode {
	node := &NodeNode{
		Meta: metaOf(Node, &n.ObjectMeta), Unschedulable: n.Spec.Unschedulable, KubeletVersion: n.Status.NodeInfo.KubeletVersion,
		AllocatableCPU:    milli(n.Status.Allocatable, corev1.ResourceCPU),
		AllocatableMemory: quantity(n.Status.Allocatable, corev1.ResourceMemory),
		AllocatablePods:   quantity(n.Status.Allocatable, corev1.ResourcePods),
		NodeLabels:        maps.Clone(n.Labels),
		Extended:          extended(n.Status.Allocatable),
	}
	for _, a := range n.Status.Addresses[:min(len(n.Status.Addresses), maxAddresses)] {
		node.Addresses = append(node.Addresses, a.Address)
	}
	for _, t := range n.Spec.Taints {
		node.Taints = append(node.Taints, Taint{t.Key, t.Value, string(t.Effect), timeOf(t.TimeAdded)})
	}
	node.Conditions = convert(n.Status.Conditions, func(c corev1.NodeCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

// extended are the resources in a list that are not those of Kubernetes itself, such as devices.
func extended(list corev1.ResourceList) map[string]int64 {
	var found map[string]int64
	for name, amount := range list {
		if !strings.Contains(string(name), "/") {
			continue
		}
		if found == nil {
			found = map[string]int64{}
		}
		found[string(name)] = amount.Value()
	}
	return found
}

func reduceNamespace(n *corev1.Namespace) *NamespaceNode {
	node := &NamespaceNode{Meta: metaOf(Namespace, &n.ObjectMeta), Phase: string(n.Status.Phase)}
	node.Labels = maps.Clone(n.Labels)
	for _, f := range n.Spec.Finalizers {
		node.SpecFinalizers = append(node.SpecFinalizers, string(f))
	}
	node.Conditions = convert(n.Status.Conditions, func(c corev1.NamespaceCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func reduceQuota(q *corev1.ResourceQuota) *QuotaNode {
	node := &QuotaNode{Meta: metaOf(ResourceQuota, &q.ObjectMeta)}
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		hard, used := q.Status.Hard[name], q.Status.Used[name]
		node.Items = append(node.Items, QuotaItem{
			Resource: string(name), Hard: milliValue(hard), Used: milliValue(used), HardText: hard.String(), UsedText: used.String(),
		})
	}
	return node
}

func reduceConfigMap(c *corev1.ConfigMap) *ConfigNode {
	node := &ConfigNode{Meta: metaOf(ConfigMap, &c.ObjectMeta)}
	node.Keys = slices.AppendSeq(make([]string, 0, len(c.Data)+len(c.BinaryData)), maps.Keys(c.Data))
	node.Keys = slices.AppendSeq(node.Keys, maps.Keys(c.BinaryData))
	slices.Sort(node.Keys)
	node.Hosts = configHosts(c.Data)
	node.Immutable = value(c.Immutable, false)
	node.Writer = writer(ConfigMap, c.ManagedFields)
	node.Sought = sought(c.Labels)
	for _, data := range c.Data {
		node.Bytes += len(data)
	}
	for _, data := range c.BinaryData {
		node.Bytes += len(data)
	}
	return node
}

func reduceServiceAccount(a *corev1.ServiceAccount) *ConfigNode {
	node := &ConfigNode{Meta: metaOf(ServiceAccount, &a.ObjectMeta), Automount: value(a.AutomountServiceAccountToken, true)}
	node.Writer = writer(ServiceAccount, a.ManagedFields)
	node.Sought = sought(a.Labels)
	for _, secret := range a.ImagePullSecrets {
		node.PullSecrets = append(node.PullSecrets, secret.Name)
	}
	for _, secret := range a.Secrets {
		node.TokenSecrets = append(node.TokenSecrets, secret.Name)
	}
	return node
}

// reduceEvent returns nil for Events that are not warnings.
func reduceEvent(e *corev1.Event) *EventNode {
	if e.Type != corev1.EventTypeWarning {
		return nil
	}
	node := &EventNode{
		About:    Ref{Kind: KindOf(e.InvolvedObject.APIVersion, e.InvolvedObject.Kind), Name: e.InvolvedObject.Name},
		AboutUID: string(e.InvolvedObject.UID), FieldPath: clip(e.InvolvedObject.FieldPath),
		Reason: clip(e.Reason), Message: clip(e.Message), Component: e.Source.Component, Count: max(e.Count, 1),
		First: e.FirstTimestamp.Time, Last: e.LastTimestamp.Time,
	}
	if node.About.Kind.Namespaced() {
		node.About.Namespace = e.InvolvedObject.Namespace
	}
	if node.About.Kind == Node && node.AboutUID == node.About.Name {
		node.AboutUID = "" // older kubelets write the name of the node here
	}
	if e.ReportingController != "" {
		node.Component = e.ReportingController
	}
	// Events of events.k8s.io have counts and times in other fields.
	if node.First.IsZero() {
		node.First = e.EventTime.Time
	}
	if e.Series != nil {
		node.Count = max(e.Series.Count, 1)
		node.Last = e.Series.LastObservedTime.Time
	}
	if node.Last.IsZero() {
		node.Last = node.First
	}
	if node.Last.IsZero() {
		node.First, node.Last = e.CreationTimestamp.Time, e.CreationTimestamp.Time
	}
	return node
}

func reducePVC(p *corev1.PersistentVolumeClaim) *PVCNode {
	request := p.Spec.Resources.Requests[corev1.ResourceStorage]
	class := p.Spec.StorageClassName
	if old, ok := p.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		class = &old // wins over the field, as in the volume controller
	}
	node := &PVCNode{
		Meta: metaOf(PVC, &p.ObjectMeta), Phase: string(p.Status.Phase), Volume: p.Spec.VolumeName,
		StorageClass: value(class, ""), NoClass: class != nil && *class == "",
		Request: request.Value(), RequestText: request.String(), AccessModes: accessModes(p.Spec.AccessModes),
		Capacity: quantity(p.Status.Capacity, corev1.ResourceStorage),
	}
	node.Conditions = convert(p.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func reducePV(p *corev1.PersistentVolume) *PVNode {
	node := &PVNode{
		Meta: metaOf(PV, &p.ObjectMeta), Phase: string(p.Status.Phase), Reason: clip(p.Status.Reason), Message: clip(p.Status.Message),
		StorageClass: p.Spec.StorageClassName, Capacity: quantity(p.Spec.Capacity, corev1.ResourceStorage),
		AccessModes: accessModes(p.Spec.AccessModes), ReclaimPolicy: string(p.Spec.PersistentVolumeReclaimPolicy),
	}
	if old, ok := p.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		node.StorageClass = old
	}
	node.PhaseSince = timeOf(p.Status.LastPhaseTransitionTime)
	node.Places = placesOf(p.Spec.NodeAffinity)
	if p.Spec.ClaimRef != nil {
		node.Claim = Ref{PVC, p.Spec.ClaimRef.Namespace, p.Spec.ClaimRef.Name}
	}
	return node
}

// placesOf are the labels that a volume with one term requires of nodes. Terms are alternatives, which no list of labels can tell.
func placesOf(affinity *corev1.VolumeNodeAffinity) []Place {
	if affinity == nil || affinity.Required == nil || len(affinity.Required.NodeSelectorTerms) != 1 {
		return nil
	}
	var places []Place
	for _, e := range affinity.Required.NodeSelectorTerms[0].MatchExpressions {
		if e.Operator == corev1.NodeSelectorOpIn {
			places = append(places, Place{e.Key, e.Values})
		}
	}
	return places
}

func accessModes(modes []corev1.PersistentVolumeAccessMode) []string {
	var names []string
	for _, m := range modes {
		names = append(names, string(m))
	}
	return names
}

// defaultClassAnnotation marks the StorageClass of claims that do not set one.
const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

func reduceStorageClass(c *storagev1.StorageClass) *StorageClassNode {
	return &StorageClassNode{
		Meta: metaOf(StorageClass, &c.ObjectMeta), Provisioner: c.Provisioner,
		Default:         c.Annotations[defaultClassAnnotation] == "true",
		ReclaimPolicy:   string(value(c.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)), // the API's default
		Expandable:      value(c.AllowVolumeExpansion, false),
		WaitForConsumer: value(c.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer,
	}
}
