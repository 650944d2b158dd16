// Package impersonate makes configurations that act as a ServiceAccount of a tenant, with its permissions and no others. It
// is the only place where the manager borrows an identity.
package impersonate

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// retryMissing is when to look again for a ServiceAccount that does not exist, or that the manager cannot impersonate.
	retryMissing = time.Minute
	// verifyTimeout of the request that Verified makes.
	verifyTimeout = 10 * time.Second
)

// Source makes the configurations. Both fields are required.
type Source struct {
	// Reader checks whether a ServiceAccount exists, with the manager's own permissions.
	Reader client.Reader
	// Config reaches the cluster as the manager.
	Config *rest.Config
}

// field of the spec that names the ServiceAccount, in every kind.
const field = "spec.serviceAccountName"

// As is a configuration that acts as a ServiceAccount, whether it exists or not; an empty name is the default one, kubeops.
// The API server adds the groups of a ServiceAccount. Connections are shared with all clients of the manager. There is no
// client-side rate limit: API Priority and Fairness decides. The error is a problem: the name is not one of a ServiceAccount.
func (s Source) As(namespace, account string) (*rest.Config, error) {
	account, err := valid(namespace, account)
	if err != nil {
		return nil, err
	}
	config := rest.CopyConfig(s.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: serviceaccount.MakeUsername(namespace, account)}
	config.QPS = -1
	return config, nil
}

// valid is the name of a ServiceAccount, or the default one, once it is safe to build a path and a user name from it.
func valid(namespace, account string) (string, error) {
	if account == "" {
		account = v1alpha1.DefaultServiceAccountName
	}
	if err := names.Namespace("namespace", namespace); err != nil {
		return "", err
	}
	return account, names.Object(field, "ServiceAccount", account)
}

// Existing is As for a ServiceAccount that exists. Its errors are problems; purpose completes "ServiceAccount x, which ...,
// does not exist", and grant says what to do after creating it.
func (s Source) Existing(ctx context.Context, namespace, account, purpose, grant string) (*rest.Config, error) {
	account, err := valid(namespace, account)
	if err != nil {
		return nil, err
	}
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	err = s.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: account}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, problem.Waiting(v1alpha1.ReasonServiceAccountNotFound, retryMissing,
			"ServiceAccount %s/%s, which %s, does not exist. To create it: %s; then %s",
			namespace, account, purpose, remedy.Command("kubectl -n %s create serviceaccount %s", namespace, account), grant)
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read ServiceAccount %s/%s (%s)", namespace, account,
			apierror.Describe(err))
	}
	return s.As(namespace, account)
}

// Verified is Existing for a ServiceAccount that the manager can impersonate, which one request of it shows: a long run does
// not start in vain. Any other failure of that request is left to the requests that follow.
func (s Source) Verified(ctx context.Context, namespace, account, purpose, grant string) (*rest.Config, error) {
	config, err := s.Existing(ctx, namespace, account, purpose, grant)
	if err != nil {
		return nil, err
	}
	probe := rest.CopyConfig(config)
	probe.Timeout = verifyTimeout
	requests, err := discovery.NewDiscoveryClientForConfig(probe)
	if err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the API server cannot be reached")
	}
	err = requests.RESTClient().Get().AbsPath("/version").Do(ctx).Error()
	if refused, ok := apierror.ImpersonationRefused(err); ok && refused.OfAccount() {
		return nil, Refused(refused, namespace, account)
	}
	return config, nil
}

// Refused is the problem of a request that was not made since the manager cannot impersonate the ServiceAccount for it.
func Refused(refused apierror.Impersonation, namespace, account string) *problem.Problem {
	return problem.Waiting(v1alpha1.ReasonImpersonationForbidden, retryMissing, "%s", refused.Message(namespace, account))
}
