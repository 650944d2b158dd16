package bundle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxServerMessage is how much of a message of the API server is quoted, in runes.
	maxServerMessage = 200
	// maxNamed fields in a message.
	maxNamed = 3
)

// describe is the state and the message of an error of the API server. It does not change between attempts. The object may be a Secret:
// values are never quoted.
func (t *Target) describe(err error, key Key) (v1alpha1.BundleObjectState, string) {
	var status apierrors.APIStatus
	refused, impersonation := apierror.ImpersonationRefused(err)
	switch {
	case isIncomplete(err):
		return v1alpha1.ObjectFailed, fmt.Sprintf(
			"the cluster does not serve %s at present: an aggregated API does not answer", key.GroupKind)
	case meta.IsNoMatchError(err):
		return v1alpha1.ObjectInvalid, fmt.Sprintf("the cluster does not serve %s in this version; install its CustomResourceDefinition, "+
			"or correct apiVersion and kind", key.GroupKind)
	case impersonation && !refused.OfAccount():
		return v1alpha1.ObjectFailed,
			fmt.Sprintf("KubeOps cannot %s %s as the ServiceAccount (RBAC); install config/components/bundles in "+
				"that cluster, or grant the verb %s",
				strings.TrimPrefix(refused.Verb, "impersonate-on:serviceaccount:"), refused.Resource, refused.Verb)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return v1alpha1.ObjectPending, "Namespace " + key.Namespace + " is being deleted"
	case apierrors.IsNotFound(err) && key.Namespace != "":
		return v1alpha1.ObjectFailed, "Namespace " + key.Namespace + " does not exist; add it to the manifests, or create it"
	case changedMeanwhile(err):
		return v1alpha1.ObjectFailed, "the object was changed repeatedly while it was applied; it is tried again"
	case apierrors.IsForbidden(err):
		return v1alpha1.ObjectFailed, t.forbidden(err, key)
	case apierrors.IsInvalid(err) && errors.As(err, &status):
		return v1alpha1.ObjectInvalid, invalid(status, key)
	case apierrors.IsRequestEntityTooLargeError(err), strings.Contains(err.Error(), "etcdserver: request is too large"):
		return v1alpha1.ObjectInvalid, "the object is too large for the cluster; split it"
	case apierrors.IsBadRequest(err) && webhookOf(err) != "":
		return v1alpha1.ObjectFailed, "admission webhook " + webhookOf(err) + " does not accept the request: " + quote(err.Error(), key)
	case errors.As(err, &status) && !apierror.IsTimeout(err) && status.Status().Code < 500 && !apierrors.IsTooManyRequests(err),
		errors.As(err, &status) && strings.Contains(status.Status().Message, "failed to create typed patch object"):
		return v1alpha1.ObjectInvalid, "the API server rejects the object: " + quote(status.Status().Message, key)
	case strings.Contains(err.Error(), "illegal base64 data"): // of Secrets, which is an internal error
		return v1alpha1.ObjectInvalid, "a value of data is not base64; correct it, or use stringData"
	case webhookOf(err) != "":
		return v1alpha1.ObjectFailed, "admission webhook " + webhookOf(err) + " failed (" + apierror.Describe(err) + "); it is tried again"
	}
	return v1alpha1.ObjectFailed, "the API server did not apply the object (" + apierror.Describe(err) + "); it is tried again"
}

// forbidden quotes which permission is missing, or which admission refuses the object.
func (t *Target) forbidden(err error, key Key) string {
	message := err.Error()
	if strings.Contains(message, " is attempting to grant RBAC permissions not currently held") {
		return t.subject + " cannot grant permissions that it does not have (RBAC); remove them from the manifest, or grant them to it"
	}
	if _, cannot, ok := strings.Cut(message, " cannot "); ok {
		return t.subject + " cannot " + text.Clip(cannot, maxServerMessage) + " (RBAC)"
	}
	if webhook := webhookOf(err); webhook != "" {
		return "admission webhook " + webhook + " denies the object: " + quote(message, key)
	}
	return "admission denies the object: " + quote(message, key)
}

// webhookOf is the quoted name of the admission webhook that an error of the API server is about; empty if it is about none.
func webhookOf(err error) string {
	_, rest, found := strings.Cut(err.Error(), `webhook "`)
	name, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		return ""
	}
	return strconv.Quote(name)
}

// invalid names the fields. What follows the last colon of a cause is the rule; what precedes it may be a value.
func invalid(status apierrors.APIStatus, key Key) string {
	var causes []string
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			rule := cause.Message[strings.LastIndex(cause.Message, ": ")+1:]
			if key.Kind == "Secret" {
				rule = ""
			}
			causes = append(causes, strings.TrimSpace(cause.Field+" "+strings.TrimSpace(rule)))
		}
	}
	if len(causes) == 0 {
		return "the API server rejects the object as invalid: " + quote(status.Status().Message, key)
	}
	return "the API server rejects " + text.Clip(text.List(causes, maxNamed), maxServerMessage)
}

// quote a message of the API server, which may contain values of a Secret.
func quote(message string, key Key) string {
	if key.Kind == "Secret" {
		return "the message is not shown, since it may contain values of the Secret; try kubectl apply --server-side --dry-run=server"
	}
	return text.Clip(message, maxServerMessage)
}
