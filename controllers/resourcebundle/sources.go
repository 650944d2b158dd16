package resourcebundle

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/bundle/gitsource"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// gitPatience is how long a reconcile waits for the Git sources of its bundle together. What takes longer goes on without it, and wakes the
// bundle: a repository that hangs takes no slot from others.
const gitPatience = time.Second

// sources are what the manifests of a bundle say.
type sources struct {
	bundle.Desired
	// unread is the problem of a source that could not be read; nil if all were. Nothing is pruned then.
	unread *problem.Problem
	// git are the states of the Git sources, with the folders that are known, and next is when to look at the first of them again; zero if
	// there is none.
	git     []v1alpha1.BundleSource
	folders []v1alpha1.InventorySource
	next    time.Duration
	// pending says that some of them are still being looked at, and unknown is the first of them that was never read; empty if there is
	// none.
	pending bool
	unknown string
}

// read the manifests of a bundle. A source that cannot be read does not keep the others from being applied. A request that is not empty has
// Git repositories looked at, even if their interval is not over.
func (l *logic) read(ctx context.Context, b *v1alpha1.ResourceBundle, request string) (*sources, error) {
	s := &sources{}
	s.AddManifests(b.Spec.Manifests)
	if err := l.readConfigMaps(ctx, b, s); err != nil {
		return nil, err
	}
	until := time.Now().Add(l.patience)
	key := client.ObjectKeyFromObject(b)
	for n, from := range b.Spec.ManifestsFrom {
		if from.Git == nil {
			continue
		}
		content, err := l.git.Read(ctx, gitsource.Request{
			Namespace: b.Namespace, Account: b.ServiceAccountName(), Spec: from.Git, Field: fmt.Sprintf("spec.manifestsFrom[%d].git", n),
			Requested: request, Until: until, Bundle: b.Name, Wake: func() { l.woken(key) },
		})
		if err != nil {
			return nil, err
		}
		s.addGit(n, from.Git, content)
	}
	return s, nil
}

// addGit adds the manifests of a Git source.
func (s *sources) addGit(n int, from *v1alpha1.GitManifests, content gitsource.Content) {
	s.AddGit(content.Files)
	if s.next == 0 || content.Next < s.next {
		s.next = content.Next
	}
	state := v1alpha1.BundleSource{Source: fmt.Sprintf("manifestsFrom[%d]", n), Revision: content.Revision}
	if p := content.Problem; p != nil {
		state.Message = text.Clip(printable.Line(p.Message), maxMessage)
		if s.unread == nil {
			s.unread = p
		}
	}
	if content.Pending {
		s.pending = true
		if s.unknown == "" && content.Revision == "" && content.Problem == nil {
			s.unknown = state.Source
		}
	}
	s.git = append(s.git, state)
	if content.Revision != "" {
		s.folders = append(s.folders, v1alpha1.InventorySource{URL: from.URL, Path: from.Path, Revision: content.Revision})
	}
}

// awaited is the end of a reconcile that knows too little: a folder was not read since this process started. What is in the clusters stays
// as it is, and so does a status that is about this spec.
func (s *sources) awaited(scope *kind.Scope[*v1alpha1.ResourceBundle]) (kind.Result, error) {
	if ready := scope.Condition(v1alpha1.ConditionReady); ready != nil && ready.ObservedGeneration == scope.Object.Generation {
		return kind.Result{Unchanged: true, RequeueAfter: s.next}, nil
	}
	return kind.Result{}, problem.Waiting(v1alpha1.ReasonProgressing, s.next, "the Git repository of spec.%s is being read", s.unknown)
}

// keepRevisions of Git sources that could not be read since this process started: that of the status, unless the spec has changed.
func (s *sources) keepRevisions(b *v1alpha1.ResourceBundle) {
	for i := range s.git {
		for _, known := range b.Status.Sources {
			if s.git[i].Revision == "" && known.Source == s.git[i].Source && b.Status.ObservedGeneration == b.Generation {
				s.git[i].Revision = known.Revision
			}
		}
	}
}

// complete reports whether all Git sources have a revision.
func (s *sources) complete() bool { return len(s.folders) == len(s.git) }

// readConfigMaps adds the manifests of the ConfigMaps.
func (l *logic) readConfigMaps(ctx context.Context, b *v1alpha1.ResourceBundle, s *sources) error {
	isConfigMap := func(from v1alpha1.ManifestSource) bool { return from.ConfigMap != nil }
	if !slices.ContainsFunc(b.Spec.ManifestsFrom, isConfigMap) {
		return nil
	}
	config, err := l.Accounts.Existing(ctx, b.Namespace, b.ServiceAccountName(), "reads ConfigMaps", "grant it get on them")
	if err != nil {
		return err
	}
	configMaps, err := corev1client.NewForConfig(config)
	if err != nil {
		return err
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
	return nil
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
