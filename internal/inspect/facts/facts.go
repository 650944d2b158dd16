// Package facts is what an inspection remembers of a cluster: a graph whose nodes are objects reduced to what checks
// need, and whose edges say how they depend on each other.
//
// Memory grows with facts, some hundreds of bytes an object, never with whole objects: a reducer takes one object and
// returns one node, and the object can be dropped at once. Reducers do no I/O and know nothing of each other, so that
// they can serve watches as well as lists. Edges are computed from the nodes when they are asked for, since most of them
// never are.
package facts

import (
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
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

// IsZero says whether the reference names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Compare orders references by namespace, kind and name; it returns a negative number, zero or a positive number.
func (r Ref) Compare(other Ref) int {
	if c := strings.Compare(r.Namespace, other.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(string(r.Kind), string(other.Kind)); c != 0 {
		return c
	}
	return strings.Compare(r.Name, other.Name)
}

// Meta is what every node has.
type Meta struct {
	Ref
	// UID tells an object from an earlier one of the same name.
	UID string
	// Created is the creation time.
	Created time.Time
	// Deleting is the time at which the object was to be gone (deletionTimestamp, which for Pods includes the grace
	// period); zero when it is not being deleted.
	Deleting time.Time
	// Finalizers that still stand; kept only for objects that are being deleted.
	Finalizers []string
	// Labels of the object; kept only for Pods, Namespaces, Services and workloads.
	Labels map[string]string
	// Owner is the controlling owner; zero when there is none. Owned says whether there is any owner, a controller or not.
	Owner Ref
	Owned bool
	// Helm is set on what a Helm release made, ArgoCD on what an Argo CD Application made.
	Helm, ArgoCD bool
	// Written are writes in another API version than the one it was read at, newest first; from managedFields.
	Written []Written
	// Generation of the spec, and the one that the controller has observed. Observed is -1 where a kind has none.
	Generation, Observed int64
	// Conditions of the status.
	Conditions []Condition
}

// Written says who wrote an object last in some API version.
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
	// Since is the time of the last transition; zero when not told.
	Since time.Time
}

// Condition returns the condition of the given type, and whether there is one.
func (m *Meta) Condition(conditionType string) (Condition, bool) {
	for _, c := range m.Conditions {
		if c.Type == conditionType {
			return c, true
		}
	}
	return Condition{}, false
}

// APIObject is the reference in the form of the API. Of a custom resource it knows the group only; Graph.APIObject knows the
// version, too.
func (r Ref) APIObject() v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{APIVersion: r.Kind.APIVersion(), Kind: r.Kind.Name(), Namespace: r.Namespace, Name: r.Name}
}
