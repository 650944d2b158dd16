// Package secretref is the only reader of Secrets and CAs. It reads with the rights of a ServiceAccount of the same namespace,
// with get and no other verb, so that whoever writes a resource reads no more through KubeOps than that ServiceAccount may; the
// manager itself has no right to Secrets. What goes wrong is a *problem.Problem that names the Secret and the next step. A value
// is in no error.
package secretref

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// readTimeout of one Secret.
	readTimeout = 10 * time.Second
	// lookAgain after what somebody may put right without a change of the resource.
	lookAgain = time.Minute
)

// Source makes readers. Both fields are required.
type Source struct {
	// Reader looks whether a ServiceAccount exists, with the manager's own rights.
	Reader client.Reader
	// Config reaches the cluster; each reader uses a copy that impersonates.
	Config *rest.Config
}

// Reader reads Secrets of one namespace for one resource, each of them once. It is for one goroutine, and for one use: what it
// read is not read anew.
type Reader struct {
	source             *Source
	namespace, account string
	client             corev1client.SecretInterface
	read               map[string]*corev1.Secret
	given              []string
}

// For makes a reader of a namespace's Secrets with the rights of a ServiceAccount there, by default the one named kubeops. It
// reads nothing yet, so that a resource without Secrets needs no ServiceAccount.
func (s *Source) For(namespace, account string) *Reader {
	if account == "" {
		account = v1alpha1.DefaultServiceAccountName
	}
	return &Reader{source: s, namespace: namespace, account: account, read: map[string]*corev1.Secret{}}
}

// secret reads a Secret, or gives what was read before. The field of the spec is for the message.
func (r *Reader) secret(ctx context.Context, name, field string) (*corev1.Secret, error) {
	if secret := r.read[name]; secret != nil {
		return secret, nil
	}
	if r.client == nil {
		if err := r.connect(ctx); err != nil {
			return nil, err
		}
	}
	secret, err := r.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, r.explain(err, name, field)
	}
	r.read[name] = secret
	return secret, nil
}

// connect makes the client that reads with the rights of the ServiceAccount, and with no others. The API server adds the groups
// of a ServiceAccount by itself. Connections are shared with all other clients of the manager.
func (r *Reader) connect(ctx context.Context) error {
	account := &metav1.PartialObjectMetadata{}
	account.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	err := r.source.Reader.Get(ctx, client.ObjectKey{Namespace: r.namespace, Name: r.account}, account)
	switch {
	case apierrors.IsNotFound(err):
		return problem.Waiting(v1alpha1.ReasonServiceAccountNotFound, lookAgain,
			"ServiceAccount %s/%s, with whose rights to read Secrets, does not exist; kubectl -n %s create serviceaccount %s, and let it get the Secrets that the spec names",
			r.namespace, r.account, r.namespace, r.account)
	case err != nil:
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "ServiceAccount %s/%s could not be read (%s)", r.namespace, r.account, apierror.Describe(err))
	}
	config := rest.CopyConfig(r.source.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: fmt.Sprintf("system:serviceaccount:%s:%s", r.namespace, r.account)}
	config.QPS, config.Timeout = -1, readTimeout
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the cluster's API cannot be reached")
	}
	r.client = core.Secrets(r.namespace)
	return nil
}

// explain words why a Secret could not be read.
func (r *Reader) explain(err error, name, field string) *problem.Problem {
	switch {
	case apierrors.IsNotFound(err):
		return problem.Waiting(v1alpha1.ReasonSecretNotFound, lookAgain, "Secret %s/%s, which %s names, does not exist", r.namespace, name, field)
	case impersonationRefused(err):
		return problem.Retrying(v1alpha1.ReasonRetrying, err,
			"the manager may not impersonate ServiceAccount %s/%s; install its ClusterRole kubeops-manager as it is shipped", r.namespace, r.account)
	case apierrors.IsForbidden(err):
		role := r.account + "-reads-" + name
		return problem.Waiting(v1alpha1.ReasonSecretForbidden, lookAgain,
			"ServiceAccount %s/%s may not read Secret %s, which %s names. To grant it: kubectl -n %s create role %s --verb=get --resource=secrets --resource-name=%s "+
				"&& kubectl -n %s create rolebinding %s --role=%s --serviceaccount=%s:%s",
			r.namespace, r.account, name, field, r.namespace, role, name, r.namespace, role, role, r.namespace, r.account)
	default:
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "Secret %s/%s, which %s names, could not be read (%s)", r.namespace, name, field, apierror.Describe(err))
	}
}

// impersonationRefused tells a manager without the right to impersonate from a ServiceAccount without the right to read. The
// API server says so in words only; the verb is impersonate, or one that begins with it where impersonation is constrained.
func impersonationRefused(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot impersonate")
}
