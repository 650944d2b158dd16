package pipelinerun

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/problem"
)

// identity of the cluster that the manager runs in: the UID of namespace kube-system, which lives as long as the cluster.
type identity struct {
	reader client.Reader

	mutex sync.Mutex
	uid   string
}

// get reads the identity once. It is empty if the manager cannot read the namespace, as one that serves single namespaces.
func (i *identity) get(ctx context.Context) (string, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.uid != "" {
		return i.uid, nil
	}
	found := &metav1.PartialObjectMetadata{}
	found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := i.reader.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, found)
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read Namespace %s (%s)", metav1.NamespaceSystem,
			apierror.Describe(err))
	}
	i.uid = string(found.UID)
	return i.uid, nil
}
