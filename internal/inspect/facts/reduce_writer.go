package facts

import (
	"bytes"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// replicasWriter is the client whose manifest sets spec.replicas. Only server-side apply records that: with create and update, a
// client owns all defaults as well.
func replicasWriter(o *metav1.ObjectMeta) string {
	for i := range o.ManagedFields {
		f := &o.ManagedFields[i]
		if f.Operation == metav1.ManagedFieldsOperationApply && f.Subresource == "" && f.FieldsV1 != nil &&
			bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(`"f:replicas":`)) {
			return f.Manager
		}
	}
	// Quotes within strings are escaped, so this matches only a field.
	if strings.Contains(o.Annotations[corev1.LastAppliedConfigAnnotation], `"replicas":`) {
		return "kubectl apply"
	}
	return ""
}

// writer is the client that last wrote the data of a ConfigMap or Secret, or a ServiceAccount.
func writer(kind Kind, fields []metav1.ManagedFieldsEntry) string {
	var last string
	var at time.Time
	for i := range fields {
		f := &fields[i]
		data := kind == ServiceAccount || f.FieldsV1 == nil || bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(`"f:data":`)) ||
			bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(`"f:binaryData":`))
		if data && (last == "" || timeOf(f.Time).After(at)) {
			last = f.Manager
			at = timeOf(f.Time)
		}
	}
	return last
}

// sought reports whether labels mark an object for a program that lists such objects: sidecars of Grafana and Prometheus, Argo CD,
// sealed-secrets, Crossplane, service meshes.
func sought(labels map[string]string) bool {
	for key := range labels {
		switch {
		case strings.Contains(key, "grafana"), strings.Contains(key, "prometheus"), strings.HasSuffix(key, "_dashboard"),
			strings.HasSuffix(key, "_datasource"), strings.HasPrefix(key, "argocd.argoproj.io/"),
			strings.Contains(key, "sealedsecrets.bitnami.com/"), strings.Contains(key, "crossplane.io/"),
			strings.Contains(key, "istio.io/"), strings.Contains(key, "cert-manager.io/"), strings.Contains(key, "external-secrets.io/"),
			strings.Contains(key, "cluster.x-k8s.io/"), strings.Contains(key, "velero.io/"):
			return true
		}
	}
	return false
}

// reduceSecret keeps only metadata.
func reduceSecret(o *metav1.ObjectMeta) *ConfigNode {
	return &ConfigNode{
		Meta: metaOf(Secret, o), Writer: writer(Secret, o.ManagedFields), Sought: sought(o.Labels), TokenOf: tokenOf(o),
	}
}

// reduceSecretObject reduces a Secret that was read as metadata, or a typed one from a manifest.
func reduceSecretObject(object any) any {
	switch o := object.(type) {
	case *corev1.Secret:
		node := reduceSecret(&o.ObjectMeta)
		node.Immutable = value(o.Immutable, false)
		return node
	case *metav1.PartialObjectMetadata:
		return reduceSecret(&o.ObjectMeta)
	default:
		return nil
	}
}
