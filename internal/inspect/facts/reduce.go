package facts

import (
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reducer turns objects into nodes. The zero value is ready for use.
type Reducer struct {
	// Scan recognises secrets in text that should not hold any: it returns the rule that a text breaks, or "". With nil,
	// nothing is looked for. It is called from several goroutines.
	Scan func(text string) (rule string)
}

// Reduce turns one object into its node, without looking for secrets in it; see Reducer.
func Reduce(object any) any { return Reducer{}.Reduce(object) }

// Reduce turns one object into its node: a pointer to a typed API object, or to PartialObjectMetadata of a Secret. It
// returns nil for a kind that has no reducer and for Events that are no warnings. It never fails: what is malformed in an
// object is left out of its node.
func (r Reducer) Reduce(object any) any {
	node := reduce(object)
	if r.Scan != nil {
		r.leaks(object, node)
	}
	return node
}

func reduce(object any) any {
	switch o := object.(type) {
	case *corev1.Pod:
		return reducePod(o)
	case *corev1.Node:
		return reduceNode(o)
	case *corev1.Namespace:
		return reduceNamespace(o)
	case *corev1.Service:
		return reduceService(o)
	case *corev1.PersistentVolumeClaim:
		return reducePVC(o)
	case *corev1.PersistentVolume:
		return reducePV(o)
	case *corev1.ResourceQuota:
		return reduceQuota(o)
	case *corev1.ReplicationController:
		return reduceReplicationController(o)
	case *corev1.ConfigMap:
		return reduceConfigMap(o)
	case *corev1.Secret:
		node := reduceSecret(&o.ObjectMeta)
		node.Immutable = value(o.Immutable, false)
		return node
	case *corev1.ServiceAccount:
		return reduceServiceAccount(o)
	case *metav1.PartialObjectMetadata:
		return reduceSecret(&o.ObjectMeta)
	case *corev1.Event:
		if o.Type != corev1.EventTypeWarning {
			return nil
		}
		return reduceEvent(o)
	default:
		return reduceOther(object)
	}
}

// reduceOther reduces what is not in the core group.
func reduceOther(object any) any {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return reduceDeployment(o)
	case *appsv1.ReplicaSet:
		return reduceReplicaSet(o)
	case *appsv1.StatefulSet:
		return reduceStatefulSet(o)
	case *appsv1.DaemonSet:
		return reduceDaemonSet(o)
	case *batchv1.Job:
		return reduceJob(o)
	case *batchv1.CronJob:
		return reduceCronJob(o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return reduceHPA(o)
	case *policyv1.PodDisruptionBudget:
		return reducePDB(o)
	case *discoveryv1.EndpointSlice:
		return reduceEndpointSlice(o)
	case *networkingv1.Ingress:
		return reduceIngress(o)
	case *networkingv1.IngressClass:
		return reduceIngressClass(o)
	case *storagev1.StorageClass:
		return reduceStorageClass(o)
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		return reduceValidatingWebhook(o)
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		return reduceMutatingWebhook(o)
	case *APIServiceObject:
		return reduceAPIService(o)
	case *CRDObject:
		return reduceCRD(o)
	case *CustomObject:
		if node := reduceCustom(o); node != nil {
			return node
		}
		return nil
	default:
		return reduceAccess(object)
	}
}

// maxText is how much of a message of the cluster is kept, in runes. The messages that checks read are shorter.
const maxText = 1024

// text shortens a message of the cluster.
func text(s string) string { return Clip(s, maxText) }

// Clip shortens a text to a number of runes, at least three; what was cut off is shown by three dots.
func Clip(s string, most int) string {
	if len(s) <= most { // no more bytes than runes are allowed
		return s
	}
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-3]) + "..."
}

// metaOf is what every node has, all but generations and conditions.
func metaOf(kind Kind, o *metav1.ObjectMeta) Meta {
	m := Meta{
		Ref: Ref{Kind: kind, Name: o.Name}, UID: string(o.UID), Created: o.CreationTimestamp.Time,
		Generation: o.Generation, Observed: -1,
	}
	if kind.Namespaced() {
		m.Namespace = o.Namespace
	}
	if o.DeletionTimestamp != nil {
		m.Deleting = o.DeletionTimestamp.Time
		m.Finalizers = slices.Clone(o.Finalizers)
	}
	m.Owned = len(o.OwnerReferences) > 0
	m.Helm = o.Labels["app.kubernetes.io/managed-by"] == "Helm" || o.Annotations["meta.helm.sh/release-name"] != ""
	m.ArgoCD = o.Annotations["argocd.argoproj.io/tracking-id"] != ""
	m.Written = written(kind, o.ManagedFields)
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		m.Owner = Ref{Kind: kindOf(owner.APIVersion, owner.Kind), Name: owner.Name}
		if m.Owner.Kind.Namespaced() {
			m.Owner.Namespace = o.Namespace
		}
	}
	return m
}

// written are the writers of an object that used another API version than the one it is read at.
func written(kind Kind, fields []metav1.ManagedFieldsEntry) []Written {
	var others []Written
	for i := range fields {
		if f := &fields[i]; f.APIVersion != "" && f.APIVersion != kind.APIVersion() && f.Subresource == "" && !movedOn(kind, fields, f) {
			others = append(others, Written{f.APIVersion, f.Manager, timeOf(f.Time)})
		}
	}
	slices.SortStableFunc(others, func(a, b Written) int { return b.At.Compare(a.At) })
	return others
}

// movedOn says whether a client has written the version that the object is read at since.
func movedOn(kind Kind, fields []metav1.ManagedFieldsEntry, old *metav1.ManagedFieldsEntry) bool {
	return slices.ContainsFunc(fields, func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == old.Manager && f.APIVersion == kind.APIVersion() && f.Subresource == "" && timeOf(f.Time).After(timeOf(old.Time))
	})
}

// convert makes the conditions of all kinds alike.
func convert[T any](conditions []T, one func(T) Condition) []Condition {
	if len(conditions) == 0 {
		return nil
	}
	converted := make([]Condition, 0, len(conditions))
	for _, c := range conditions {
		made := one(c)
		made.Type, made.Reason, made.Message = text(made.Type), text(made.Reason), text(made.Message)
		converted = append(converted, made)
	}
	return converted
}

// metaCondition converts the condition type that newer APIs share.
func metaCondition(c metav1.Condition) Condition {
	return Condition{c.Type, string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// seconds turns an optional number of seconds, which foreign input may make huge, into a duration.
func seconds(s *int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(max(value(s, 0), 0), most)) * time.Second
}
