package main

import (
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// pods is the number of Pods that the ReplicaSet controller could create.
func (o workload) pods() int32 {
	if !o.flaw.podsExist() {
		return 0
	}
	return replicas
}

// ready is the number of Pods that are ready.
func (o workload) ready() int32 {
	if o.flaw == healthy || o.flaw == wrongSelector {
		return replicas
	}
	return 0
}

// scheduled reports whether the Pods have a node.
func (o workload) scheduled() bool {
	return o.flaw != tooLarge && o.flaw != noSuchNode && o.flaw != noClass
}

// refusal is why the API server created no Pods; empty if it did.
func (o workload) refusal() string {
	switch o.flaw {
	case noServiceAccount:
		return fmt.Sprintf("pods %q is forbidden: error looking up service account %s/%s: serviceaccount %[3]q not found",
			o.setName()+"-", o.namespace, missingAccount)
	case noQuota:
		return fmt.Sprintf("pods %q is forbidden: exceeded quota: no-room, requested: pods=1, used: pods=0, limited: pods=0",
			o.setName()+"-"+suffix(o.name, 5))
	default:
		return ""
	}
}

func (o workload) setName() string { return o.name + "-" + suffix(o.name, 10) }

func (o workload) replicaSet(deployment *appsv1.Deployment) *appsv1.ReplicaSet {
	labels := maps.Clone(o.labels())
	labels[appsv1.DefaultDeploymentUniqueLabelKey] = suffix(o.name, 10)
	selector := maps.Clone(o.selector())
	selector[appsv1.DefaultDeploymentUniqueLabelKey] = suffix(o.name, 10)
	template := deployment.Spec.Template.DeepCopy()
	template.Labels = labels
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.namespace, Name: o.setName(), Labels: labels,
			Annotations: map[string]string{
				"deployment.kubernetes.io/desired-replicas": fmt.Sprint(replicas), "deployment.kubernetes.io/max-replicas": "13",
				"deployment.kubernetes.io/revision": "1",
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment,
				appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: ptr.To(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: selector}, Template: *template,
		},
	}
}

func (o workload) replicaSetStatus(set *appsv1.ReplicaSet) appsv1.ReplicaSetStatus {
	status := appsv1.ReplicaSetStatus{
		Replicas: o.pods(), FullyLabeledReplicas: o.pods(), ReadyReplicas: o.ready(), AvailableReplicas: o.ready(),
		ObservedGeneration: set.Generation,
	}
	if message := o.refusal(); message != "" {
		status.Conditions = []appsv1.ReplicaSetCondition{{
			Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message,
			LastTransitionTime: ago(10 * time.Minute),
		}}
	}
	return status
}

func (o workload) deploymentStatus(deployment *appsv1.Deployment) appsv1.DeploymentStatus {
	condition := func(of appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) appsv1.DeploymentCondition {
		return appsv1.DeploymentCondition{
			Type: of, Status: status, Reason: reason, Message: message, LastUpdateTime: ago(10 * time.Minute),
			LastTransitionTime: ago(10 * time.Minute),
		}
	}
	status := appsv1.DeploymentStatus{
		ObservedGeneration: deployment.Generation, Replicas: o.pods(), UpdatedReplicas: o.pods(), ReadyReplicas: o.ready(),
		AvailableReplicas: o.ready(), UnavailableReplicas: replicas - o.ready(),
	}
	if o.ready() == replicas {
		status.Conditions = []appsv1.DeploymentCondition{
			condition(appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability."),
			condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable",
				fmt.Sprintf("ReplicaSet %q has successfully progressed.", o.setName())),
		}
		return status
	}
	status.Conditions = []appsv1.DeploymentCondition{
		condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable",
			"Deployment does not have minimum availability."),
		condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "ReplicaSetUpdated",
			fmt.Sprintf("ReplicaSet %q is progressing.", o.setName())),
	}
	if message := o.refusal(); message != "" {
		status.Conditions = append(status.Conditions,
			condition(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate", message))
	}
	return status
}

// pod is one Pod of the ReplicaSet, on its node.
func (o workload) pod(set *appsv1.ReplicaSet, i int32, w world) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.namespace, Name: set.Name + "-" + suffix(fmt.Sprint(set.Name, i), 5), Labels: set.Spec.Template.Labels,
			GenerateName:    set.Name + "-",
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: *set.Spec.Template.Spec.DeepCopy(),
	}
	if o.scheduled() {
		pod.Spec.NodeName = nodeName((o.index*replicas + int(i)) % w.nodes())
	}
	return pod
}

// endpoints of the Service.
func (o workload) endpoints(pods []*corev1.Pod) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: o.name + "-" + suffix(o.name, 5), Labels: map[string]string{
			discoveryv1.LabelServiceName: o.name, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io",
		}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	if o.flaw == wrongSelector {
		return slice
	}
	slice.Ports = []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To(int32(8080)), Protocol: ptr.To(corev1.ProtocolTCP)}}
	for _, pod := range pods {
		if pod.Status.PodIP == "" {
			continue
		}
		ready := ptr.To(o.ready() > 0)
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{pod.Status.PodIP}, NodeName: &pod.Spec.NodeName,
			Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: ready, Terminating: ptr.To(false)},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		})
	}
	return slice
}

// readyNode has the size of a usual machine. Its kubelet does not answer.
func readyNode(name string) *corev1.Node {
	size := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods: resource.MustParse("110"), corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
	}
	condition := func(of corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: of, Status: status, Reason: reason, Message: message, LastHeartbeatTime: ago(time.Minute),
			LastTransitionTime: ago(24 * time.Hour),
		}
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
		}},
		Status: corev1.NodeStatus{
			Capacity: size, Allocatable: size,
			Conditions: []corev1.NodeCondition{
				condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory"),
				condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
				condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
				condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"),
			},
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}, {Type: corev1.NodeHostName,
				Address: name}},
			// Nothing listens on port 1, so a request for logs fails at once.
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 1}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v1.37.2", OSImage: "Debian GNU/Linux 12 (bookworm)", Architecture: "amd64", OperatingSystem: "linux",
			},
		},
	}
}
