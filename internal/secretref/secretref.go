// Package secretref is the only reader of Secrets and CAs. It impersonates a ServiceAccount of the same namespace and uses only
// the verb get. The author of a resource can therefore read no more through KubeOps than that ServiceAccount can; the manager
// itself has no permissions for Secrets. Errors are problems that name the Secret and the next step, and never contain a value.
package secretref

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// readTimeout per Secret.
	readTimeout = 10 * time.Second
	// retryInterval after a problem that a user may fix without a change to the resource.
	retryInterval = time.Minute
)

// Source creates readers. Both fields are required.
type Source struct {
	// Reader checks that a ServiceAccount exists, with the manager's own permissions.
	Reader client.Reader
	// Config of the cluster; each reader impersonates with a copy of it.
	Config *rest.Config
}

// Reader reads Secrets of one namespace for one resource, each at most once: later changes are not seen. It is not safe for
// concurrent use.
type Reader struct {
	source             *Source
	namespace, account string
	client             corev1client.SecretInterface
	read               map[string]*corev1.Secret
	issued             []string
}

// For returns a reader of a namespace's Secrets that impersonates a ServiceAccount there, by default the one named kubeops. It
// connects on the first read, so a resource without Secrets needs no ServiceAccount.
func (s *Source) For(namespace, account string) *Reader {
	if account == "" {
		account = v1alpha1.DefaultServiceAccountName
	}
	return &Reader{source: s, namespace: namespace, account: account, read: map[string]*corev1.Secret{}}
}

// Own returns a reader of a namespace's Secrets with the permissions of a configuration itself, for the command line.
func Own(config *rest.Config, namespace string) (*Reader, error) {
	config = rest.CopyConfig(config)
	config.Timeout = readTimeout
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Reader{namespace: namespace, client: core.Secrets(namespace), read: map[string]*corev1.Secret{}}, nil
}

// secret returns a Secret, from memory if it was read before. The field of the spec is for the message.
func (r *Reader) secret(ctx context.Context, name, field string) (*corev1.Secret, error) {
	if secret := r.read[name]; secret != nil {
		return secret, nil
	}
	if err := names.Object(field, "Secret", name); err != nil {
		return nil, err
	}
	if r.client == nil {
		if err := r.connect(ctx); err != nil {
			return nil, err
		}
	}
	secret, err := r.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, r.toProblem(err, name, field)
	}
	r.read[name] = secret
	return secret, nil
}

// connect creates the client that impersonates the ServiceAccount. The API server adds the groups of a ServiceAccount.
// Connections are shared with all other clients of the manager.
func (r *Reader) connect(ctx context.Context) error {
	accounts := impersonate.Source{Reader: r.source.Reader, Config: r.source.Config}
	config, err := accounts.Existing(ctx, r.namespace, r.account, "reads the Secrets of the spec", "allow it to get and watch them")
	if err != nil {
		return err
	}
	config.Timeout = readTimeout
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the client for Secrets of namespace %s cannot be created", r.namespace)
	}
	r.client = core.Secrets(r.namespace)
	return nil
}

// toProblem turns an error of reading a Secret into a problem.
func (r *Reader) toProblem(err error, name, field string) *problem.Problem {
	if refused, ok := apierror.ImpersonationRefused(err); ok && r.account != "" {
		return impersonate.Refused(refused, r.namespace, r.account)
	}
	switch {
	case apierrors.IsNotFound(err):
		return problem.Waiting(v1alpha1.ReasonSecretNotFound, retryInterval,
			"Secret %s/%s does not exist (referenced by %s)", r.namespace, name, field)
	case apierrors.IsForbidden(err) && r.account == "":
		return problem.UserError(v1alpha1.ReasonSecretForbidden, nil, "cannot get Secret %s/%s (RBAC, referenced by %s)", r.namespace, name,
			field)
	case apierrors.IsForbidden(err):
		role := r.account + "-reads-" + name
		return problem.Waiting(v1alpha1.ReasonSecretForbidden, retryInterval,
			"ServiceAccount %s/%s cannot get Secret %s (RBAC, referenced by %s). Grant it with: %s",
			r.namespace, r.account, name, field, remedy.Command(
				"kubectl -n %[1]s create role %[2]s --verb=get,watch --resource=secrets --resource-name=%[3]s%[5]s "+
					"&& kubectl -n %[1]s create rolebinding %[2]s --role=%[2]s --serviceaccount=%[1]s:%[4]s%[5]s",
				r.namespace, role, name, r.account, remedy.Repeatable))
	default:
		return problem.Retrying(v1alpha1.ReasonRetrying, err,
			"Secret %s/%s cannot be read (%s, referenced by %s)", r.namespace, name, apierror.Describe(err), field)
	}
}
