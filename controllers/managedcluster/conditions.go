package managedcluster

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
)

// supportedMinors is how many of the newest minor versions the Kubernetes project maintains. Source: Version Skew Policy, "Supported
// versions" (https://kubernetes.io/releases/version-skew-policy/).
const supportedMinors = 3

// parts are the conditions besides Ready.
func (c *connector) parts() []probe.Part[*v1alpha1.ManagedCluster, *session] {
	always := func(*v1alpha1.ManagedCluster) bool { return true }
	type scope = *kind.Scope[*v1alpha1.ManagedCluster]
	return []probe.Part[*v1alpha1.ManagedCluster, *session]{
		{
			Condition: v1alpha1.ConditionReachable, Wanted: always,
			Reconcile: func(_ context.Context, _ scope, s *session) outcome.Auxiliary { return s.reachable },
			NotProbed: func(err error) outcome.Auxiliary {
				return outcome.Unknown(probe.Reason(err), "not probed, because there is no usable kubeconfig; see Ready")
			},
		},
		{
			Condition: v1alpha1.ConditionIdentityChanged, Wanted: always,
			Reconcile: func(_ context.Context, sc scope, s *session) outcome.Auxiliary {
				return orStored(sc, v1alpha1.ConditionIdentityChanged, s.identity, "the identity of the cluster is not known yet")
			},
		},
		{
			Condition: v1alpha1.ConditionCredentialsExpiring, Wanted: always,
			Reconcile: func(ctx context.Context, sc scope, s *session) outcome.Auxiliary {
				return c.expiry(ctx, sc, s.validity)
			},
		},
	}
}

// orStored is a state, or the stored one where nothing new is known.
func orStored(scope *kind.Scope[*v1alpha1.ManagedCluster], condition string, state outcome.Auxiliary, unknown string) outcome.Auxiliary {
	if state.Status != "" {
		return state
	}
	if stored := scope.Condition(condition); stored != nil {
		return outcome.Auxiliary{Status: stored.Status, Reason: stored.Reason, Message: stored.Message}
	}
	return outcome.Unknown(v1alpha1.ReasonProgressing, unknown)
}

// expiry is the state of CredentialsExpiring, which is an event and a metric, too, since it does not affect Ready.
func (c *connector) expiry(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster], validity clusters.Validity) outcome.Auxiliary {
	state := expiry(validity, scope.Now)
	expiring := state.Status == metav1.ConditionTrue
	c.Clusters.Expiring(scope.Key(), expiring)
	before := meta.FindStatusCondition(scope.Stored.Status.Conditions, v1alpha1.ConditionCredentialsExpiring)
	if expiring && (before == nil || before.Status != metav1.ConditionTrue || before.Message != state.Message) {
		kind.Event(ctx, c.Events, scope.Object, corev1.EventTypeWarning, state.Reason, "Probe", state.Message)
	}
	return state
}

// expiry is the state of CredentialsExpiring. Its message does not change while time passes.
func expiry(validity clusters.Validity, now time.Time) outcome.Auxiliary {
	if validity.Until.IsZero() {
		return outcome.False(v1alpha1.ReasonNotExpiring, "the credentials have no time of expiry")
	}
	until := validity.Until.UTC().Format(time.RFC3339)
	switch {
	case !validity.Until.After(now):
		return outcome.True(v1alpha1.ReasonExpiring, "the credentials expired at "+until+"; renew the kubeconfig")
	case validity.Expiring(now):
		return outcome.True(v1alpha1.ReasonExpiring, "the credentials expire at "+until+"; renew the kubeconfig")
	default:
		return outcome.False(v1alpha1.ReasonNotExpiring, "the credentials are valid until "+until)
	}
}

// support says whether the Kubernetes project maintains a version, as far as this release of KubeOps knows.
func support(reported string) v1alpha1.ClusterSupport {
	parsed, err := version.ParseGeneric(reported)
	switch {
	case err != nil || parsed.Major() != 1 || parsed.Minor() > manifests.NewestMinor:
		return v1alpha1.ClusterSupportUnknown
	case parsed.Minor()+supportedMinors <= manifests.NewestMinor:
		return v1alpha1.ClusterOutOfSupport
	default:
		return v1alpha1.ClusterSupported
	}
}
