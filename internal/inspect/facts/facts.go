// Package facts is the model of a cluster that an inspection works on: a graph whose nodes are objects reduced to what checks need,
// and whose edges are the dependencies between them.
//
// A node takes some hundreds of bytes, whatever the size of its object: a reducer takes one object and returns one node, and the
// object can be dropped at once. Reducers are pure functions of one object, so they can serve watches as well as lists. Edges are
// computed on demand, since most are never needed.
package facts

import (
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts/origin"
	"kubeops.io/kubeops/internal/text"
)

// Kind is the kind of a node, written as in the API.
type Kind string

// Kinds that are reduced to nodes.
const (
	Pod                   Kind = "Pod"
	Node                  Kind = "Node"
	Namespace             Kind = "Namespace"
	Service               Kind = "Service"
	EndpointSlice         Kind = "EndpointSlice"
	Ingress               Kind = "Ingress"
	IngressClass          Kind = "IngressClass"
	Deployment            Kind = "Deployment"
	ReplicaSet            Kind = "ReplicaSet"
	StatefulSet           Kind = "StatefulSet"
	DaemonSet             Kind = "DaemonSet"
	Job                   Kind = "Job"
	CronJob               Kind = "CronJob"
	HPA                   Kind = "HorizontalPodAutoscaler"
	PDB                   Kind = "PodDisruptionBudget"
	PVC                   Kind = "PersistentVolumeClaim"
	PV                    Kind = "PersistentVolume"
	StorageClass          Kind = "StorageClass"
	ConfigMap             Kind = "ConfigMap"
	Secret                Kind = "Secret"
	ServiceAccount        Kind = "ServiceAccount"
	ResourceQuota         Kind = "ResourceQuota"
	APIService            Kind = "APIService"
	ValidatingWebhook     Kind = "ValidatingWebhookConfiguration"
	MutatingWebhook       Kind = "MutatingWebhookConfiguration"
	Event                 Kind = "Event"
	ReplicationController Kind = "ReplicationController"
	Role                  Kind = "Role"
	ClusterRole           Kind = "ClusterRole"
	RoleBinding           Kind = "RoleBinding"
	ClusterRoleBinding    Kind = "ClusterRoleBinding"
	NetworkPolicy         Kind = "NetworkPolicy"
	LimitRange            Kind = "LimitRange"
	PriorityClass         Kind = "PriorityClass"
)

// Ref names one object of a cluster.
type Ref struct {
	Kind      Kind
	Namespace string
	Name      string
}

// String is Kind/namespace/name, or Kind/name for cluster-scoped objects.
func (r Ref) String() string {
	if r.Namespace == "" {
		return string(r.Kind) + "/" + r.Name
	}
	return string(r.Kind) + "/" + r.Namespace + "/" + r.Name
}

// InNamespaces reports whether the object is in a namespace, or is one, that matches a name or glob of the list.
func (r Ref) InNamespaces(patterns []string) bool {
	namespace := r.Namespace
	if r.Kind == Namespace {
		namespace = r.Name
	}
	return namespace != "" && text.MatchAny(patterns, namespace)
}

// IsZero reports whether the reference is empty.
func (r Ref) IsZero() bool { return r == Ref{} }

// Compare orders references by namespace, kind and name.
func (r Ref) Compare(other Ref) int {
	if c := strings.Compare(r.Namespace, other.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(string(r.Kind), string(other.Kind)); c != 0 {
		return c
	}
	return strings.Compare(r.Name, other.Name)
}

// Meta is common to all nodes.
type Meta struct {
	Ref
	// UID distinguishes an object from an earlier one of the same name.
	UID string
	// Created is the creation time.
	Created time.Time
	// Deleting is deletionTimestamp, which for Pods includes the grace period; zero when the object is not being deleted.
	Deleting time.Time
	// Finalizers are kept only for objects that are being deleted.
	Finalizers []string
	// Labels are kept only for Pods, Namespaces, Services and workloads.
	Labels map[string]string
	// Owner is the controlling owner; zero without one. Owned is true with any owner, controlling or not.
	Owner Ref
	Owned bool
	// Origin is what the object is created from; nil if nothing shows that Helm or GitOps does. Objects of one release share it.
	Origin *origin.Origin
	// Written are writes in another API version than the one that was read, newest first; from managedFields.
	Written []Written
	// SpecChanged is the last write of the spec, from managedFields: what was reported before is history. Zero for Pods and Nodes, whose
	// spec others write, and when unknown.
	SpecChanged time.Time
	// Generation of the spec, and the generation that the controller has observed; -1 for kinds without it.
	Generation, Observed int64
	// Conditions of the status.
	Conditions []Condition
}

// Written is the last write of an object in an API version.
type Written struct {
	// APIVersion, for example policy/v1beta1.
	APIVersion string
	// Manager is the name of the client, for example helm or kubectl-client-side-apply.
	Manager string
	At      time.Time
}

// Condition is a status condition of an object.
type Condition struct {
	Type, Status, Reason, Message string
	// Since is the time of the last transition; zero when unknown.
	Since time.Time
}

// Condition returns the condition of a type, and whether there is one.
func (m *Meta) Condition(conditionType string) (Condition, bool) {
	for _, c := range m.Conditions {
		if c.Type == conditionType {
			return c, true
		}
	}
	return Condition{}, false
}

// APIObject is the reference in the form of the API. For a custom resource, apiVersion is only the group; see Graph.APIObject.
func (r Ref) APIObject() v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{APIVersion: r.Kind.APIVersion(), Kind: r.Kind.Name(), Namespace: r.Namespace, Name: r.Name}
}
