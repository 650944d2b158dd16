package clusters

import (
	"context"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Secrets reads a key of a Secret with the permissions of the ManagedCluster's ServiceAccount. Its errors are problems that name the field.
type Secrets interface {
	Bytes(ctx context.Context, reference v1alpha1.SecretKeyReference, field string) ([]byte, error)
}

// ReadAccess reads the kubeconfig of a ManagedCluster that has one. Its errors are problems.
func ReadAccess(ctx context.Context, secrets Secrets, mc *v1alpha1.ManagedCluster) (Access, error) {
	reference := mc.Spec.Kubeconfig
	name := v1alpha1.SecretKeyReference{Name: reference.Name, Key: reference.Key}
	if name.Key == "" {
		name.Key = v1alpha1.DefaultKubeconfigKey
	}
	content, err := secrets.Bytes(ctx, name, "spec.kubeconfig")
	if err != nil {
		return Access{}, err
	}
	return ParseKubeconfig(content, KubeconfigOptions{
		Source:  fmt.Sprintf("Secret %s/%s, key %s,", mc.Namespace, name.Name, name.Key),
		Context: reference.Context, InsecureSkipTLSVerify: reference.InsecureSkipTLSVerify,
	})
}
