package aibench

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"kubeops.io/kubeops/internal/explain/background"
)

// Cluster has objects and logs in memory.
type Cluster struct {
	client.Reader
	logs map[string]string
	// Reads is the number of logs that were read.
	Reads int
}

// NewCluster returns a cluster with objects, and logs by namespace/pod/container.
func NewCluster(objects []client.Object, logs map[string]string) *Cluster {
	byName := func(object client.Object) []string { return []string{object.GetName()} }
	reader := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).WithReturnManagedFields().
		WithIndex(&corev1.ConfigMap{}, "metadata.name", byName).WithIndex(&corev1.Secret{}, "metadata.name", byName).Build()
	return &Cluster{Reader: reader, logs: logs}
}

// Log implements background.Cluster.
func (c *Cluster) Log(_ context.Context, part background.LogPart) (string, error) {
	c.Reads++
	log, has := c.logs[part.Namespace+"/"+part.Pod+"/"+part.Container]
	if !has {
		return "", apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, part.Pod)
	}
	if part.Tail > 0 {
		lines := strings.SplitAfter(log, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		log = strings.Join(lines[max(0, len(lines)-part.Tail):], "")
	}
	return log[:min(len(log), int(part.Bytes))], nil
}

// Version implements background.Cluster.
func (c *Cluster) Version(context.Context) (string, error) { return "v1.37.2", nil }
