package resourcebundle

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
)

// sources are what the manifests of a bundle say.
type sources struct {
	bundle.Desired
	// unread is the problem of a source that could not be read; nil if all were. Nothing is pruned then.
	unread *problem.Problem
}

// read the manifests of a bundle. A source that cannot be read does not keep the others from being applied.
func (l *logic) read(ctx context.Context, b *v1alpha1.ResourceBundle) (*sources, error) {
	s := &sources{}
	s.AddManifests(b.Spec.Manifests)
	if len(b.Spec.ManifestsFrom) == 0 {
		return s, nil
	}
	config, err := l.Accounts.Existing(ctx, b.Namespace, b.ServiceAccountName(), "reads ConfigMaps", "grant it get on them")
	if err != nil {
		return nil, err
	}
	configMaps, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	for n, from := range b.Spec.ManifestsFrom {
		if from.ConfigMap == nil {
			continue
		}
		field := fmt.Sprintf("spec.manifestsFrom[%d].configMap", n)
		problem := readConfigMap(ctx, configMaps.ConfigMaps(b.Namespace), field, from.ConfigMap, s)
		if s.unread == nil {
			s.unread = problem
		}
	}
	return s, nil
}

// readConfigMap adds the manifests of a ConfigMap.
func readConfigMap(
	ctx context.Context, configMaps corev1client.ConfigMapInterface, field string, from *v1alpha1.ConfigMapManifests, s *sources,
) *problem.Problem {
	if err := names.Object(field+".name", "ConfigMap", from.Name); err != nil {
		return problem.As(err)
	}
	found, err := configMaps.Get(ctx, from.Name, metav1.GetOptions{})
	refused, impersonation := apierror.ImpersonationRefused(err)
	switch {
	case apierrors.IsNotFound(err):
		return problem.Retrying(v1alpha1.ReasonSourceUnavailable, nil, "ConfigMap %s of %s does not exist; create it", from.Name, field)
	case impersonation:
		return problem.Retrying(v1alpha1.ReasonSourceUnavailable, nil,
			"ConfigMap %s of %s cannot be read: KubeOps cannot %s (RBAC)", from.Name,
			field, refused.Verb)
	case apierrors.IsForbidden(err):
		return problem.Retrying(v1alpha1.ReasonSourceUnavailable, nil,
			"ConfigMap %s of %s cannot be read (RBAC); grant the ServiceAccount get on it", from.Name, field)
	case err != nil:
		return problem.Retrying(v1alpha1.ReasonSourceUnavailable, err, "ConfigMap %s of %s cannot be read (%s)", from.Name, field,
			apierror.Describe(err))
	}
	if !s.AddConfigMap(from.Name, from.Key, found.Data) {
		return problem.Retrying(v1alpha1.ReasonSourceUnavailable, nil, "ConfigMap %s of %s has no key %s; add it", from.Name, field,
			from.Key)
	}
	return nil
}
