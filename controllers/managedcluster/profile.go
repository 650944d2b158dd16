package managedcluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/refwatch"
	"kubeops.io/kubeops/internal/text"
)

const (
	// profileManager is the field manager of the imported labels. It is part of the contract: renaming it leaves the old one as an owner.
	profileManager = "kubeops-clusterprofile"
	// parallelProfiles are read at the same time, each within profileTimeout, and again after profileRetry if that failed.
	parallelProfiles = 4
	profileTimeout   = 10 * time.Second
	profileRetry     = time.Minute
	// maxProfileLabels are imported, the first ones by name, and maxDisplayName runes of a name are shown.
	maxProfileLabels = 64
	maxDisplayName   = 256
	// componentProfiles lets the manager read ClusterProfiles as ServiceAccounts, and write labels of ManagedClusters.
	componentProfiles = "config/components/cluster-profiles"
)

// notImported are domains whose labels say which tool manages the object that has them. On a ManagedCluster, such a label would have that
// tool treat, and perhaps delete, it as one of its own.
func notImported() []string {
	return []string{
		"app.kubernetes.io", "applyset.kubernetes.io", "argocd.argoproj.io", "helm.sh", "helm.toolkit.fluxcd.io", "kubeops.io",
		"kustomize.toolkit.fluxcd.io", "objectset.rio.cattle.io",
	}
}

func setupProfiles(m ctrl.Manager, e *environment.Environment) error {
	r := NewProfiles(e)
	b := ctrl.NewControllerManagedBy(m).Named("clusterprofile").
		For(empty(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, kind.RequestChanged()))).
		WithOptions(kind.Options(parallelProfiles))
	if r.References != nil {
		b = b.WatchesRawSource(r.References.Source())
	}
	return b.Complete(r)
}

// profileResource is the API of ClusterProfiles.
func profileResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "multicluster.x-k8s.io", Version: "v1alpha1", Resource: "clusterprofiles"}
}

// profileOf is the ClusterProfile that a ManagedCluster refers to, which its ServiceAccount watches.
func profileOf(mc *v1alpha1.ManagedCluster) []refwatch.Reference {
	if mc.Spec.ClusterProfile == nil {
		return nil
	}
	return []refwatch.Reference{{
		Resource: profileResource(), Namespace: mc.Namespace, Name: mc.Spec.ClusterProfile.Name,
		ServiceAccount: mc.Probing().ServiceAccountName,
	}}
}

// NewProfiles is the reconciler that imports ClusterProfiles. It owns status.profile, the condition ProfileImported, and the labels that it
// applies.
func NewProfiles(e *environment.Environment) *kind.Auxiliary[*v1alpha1.ManagedCluster] {
	l := &profiles{e}
	r := &kind.Auxiliary[*v1alpha1.ManagedCluster]{Environment: e.Environment, New: empty, Logic: l.reconcile}
	if e.Watcher != nil {
		r.References = &kind.References[*v1alpha1.ManagedCluster]{
			Kind: kindName + " " + v1alpha1.ConditionProfileImported, Watcher: e.Watcher, Of: profileOf,
		}
	}
	return r
}

// profiles imports labels and names of ClusterProfiles.
type profiles struct{ *environment.Environment }

func (l *profiles) reconcile(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster]) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, profileTimeout)
	defer cancel()
	after, err := l.adjust(limited, scope)
	switch p := problem.As(err); {
	case p != nil: // labels that were imported stay
		scope.Conditions().SetAuxiliary(v1alpha1.ConditionProfileImported, outcome.False(p.Reason, p.Message))
		return profileRetry, nil
	case err != nil:
		return 0, err
	}
	return after, nil
}

// adjust the labels to the spec, and return when to look again: a ServiceAccount that cannot watch the profile learns of a change by that.
func (l *profiles) adjust(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster]) (time.Duration, error) {
	switch {
	case scope.Object.Spec.ClusterProfile != nil:
		profile, err := l.get(ctx, scope.Object)
		if err != nil {
			return 0, err
		}
		return scope.Object.Spec.InventoryPeriod(), l.importFrom(ctx, scope, profile)
	case scope.Condition(v1alpha1.ConditionProfileImported) != nil:
		return 0, l.release(ctx, scope)
	}
	return 0, nil
}

// release the labels of a profile that the spec no longer names: those that no other field manager owns are removed.
func (l *profiles) release(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster]) error {
	if err := l.apply(ctx, scope.Object, nil); err != nil {
		return err
	}
	scope.Object.Status.Profile = nil
	scope.Conditions().Remove(v1alpha1.ConditionProfileImported)
	return nil
}

// get the profile with the permissions of the ServiceAccount of the ManagedCluster. Errors are problems.
func (l *profiles) get(ctx context.Context, mc *v1alpha1.ManagedCluster) (*unstructured.Unstructured, error) {
	name := mc.Spec.ClusterProfile.Name
	if err := names.Object("spec.clusterProfile.name", "ClusterProfile", name); err != nil {
		return nil, err
	}
	account := mc.Probing().ServiceAccountName
	config, err := l.Accounts.Existing(ctx, mc.Namespace, account, "reads the ClusterProfile", "grant it get on ClusterProfiles")
	if err != nil {
		return nil, err
	}
	resources, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	profile, err := resources.Resource(profileResource()).Namespace(mc.Namespace).Get(ctx, name, metav1.GetOptions{})
	refused, impersonation := apierror.ImpersonationRefused(err)
	switch {
	case impersonation:
		return nil, problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"ClusterProfile %s/%s cannot be read: KubeOps cannot %s (RBAC); install %s", mc.Namespace, name, refused.Verb,
			componentProfiles)
	case apierrors.IsForbidden(err):
		return nil, problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"ServiceAccount %s cannot get ClusterProfile %s/%s (RBAC); grant it get on clusterprofiles of multicluster.x-k8s.io", account,
			mc.Namespace, name)
	case apierrors.IsNotFound(err):
		return nil, problem.Retrying(v1alpha1.ReasonNotFound, nil, "ClusterProfile %s/%s does not exist, or the cluster does not serve "+
			"clusterprofiles of multicluster.x-k8s.io/v1alpha1; its labels stay as they are", mc.Namespace, name)
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "ClusterProfile %s/%s cannot be read (%s)", mc.Namespace, name,
			apierror.Describe(err))
	}
	return profile, nil
}

// importFrom a profile: its labels are applied, except for those that another field manager owns with another value.
func (l *profiles) importFrom(
	ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster], profile *unstructured.Unstructured,
) error {
	mc := scope.Object
	labels := importable(profile.GetLabels())
	err := l.apply(ctx, mc, labels)
	owned := conflicting(err, labels)
	if len(owned) > 0 {
		for _, key := range owned {
			delete(labels, key)
		}
		err = l.apply(ctx, mc, labels)
	}
	if err != nil {
		return err
	}
	mc.Status.Profile = &v1alpha1.ClusterProfileStatus{
		DisplayName: shown(profile, "displayName"), ClusterManager: shown(profile, "clusterManager", "name"),
	}
	imported := fmt.Sprintf("%s imported from ClusterProfile %s", text.CountOf(len(labels), "label is", "labels are"), profile.GetName())
	state := outcome.True(v1alpha1.ReasonSucceeded, imported)
	if len(owned) > 0 {
		state = outcome.False(v1alpha1.ReasonConflict,
			imported+"; others have another value, which another field manager owns: "+text.List(owned, maxNamed))
	}
	scope.Conditions().SetAuxiliary(v1alpha1.ConditionProfileImported, state)
	return nil
}

// apply labels to the ManagedCluster. The UID keeps an object of the same name, or none, from being written.
func (l *profiles) apply(ctx context.Context, mc *v1alpha1.ManagedCluster, labels map[string]string) error {
	wanted := &unstructured.Unstructured{}
	wanted.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kindName))
	wanted.SetNamespace(mc.Namespace)
	wanted.SetName(mc.Name)
	wanted.SetUID(mc.UID)
	wanted.SetLabels(labels)
	err := l.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), client.FieldOwner(profileManager))
	if apierrors.IsForbidden(err) {
		return problem.Retrying(v1alpha1.ReasonForbidden, nil, "KubeOps cannot write labels of ManagedClusters (RBAC); install %s",
			componentProfiles)
	}
	return err
}

// conflicting are the labels that another field manager owns with another value, as the API server says.
func conflicting(err error, labels map[string]string) (keys []string) {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	for _, cause := range status.Status().Details.Causes {
		key, isLabel := strings.CutPrefix(cause.Field, ".metadata.labels.")
		if _, known := labels[key]; cause.Type == metav1.CauseTypeFieldManagerConflict && isLabel && known {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// importable labels of a profile.
func importable(labels map[string]string) map[string]string {
	imported := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		domain, _, _ := strings.Cut(key, "/")
		managing := slices.ContainsFunc(notImported(), func(other string) bool {
			return domain == other || strings.HasSuffix(domain, "."+other)
		})
		if !managing && len(imported) < maxProfileLabels {
			imported[key] = labels[key]
		}
	}
	return imported
}

// shown is a text of the spec of a profile.
func shown(profile *unstructured.Unstructured, field ...string) string {
	value, _, _ := unstructured.NestedString(profile.Object, append([]string{"spec"}, field...)...) // another type is no text
	return text.Clip(printable.Line(value), maxDisplayName)
}
